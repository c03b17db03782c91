package io.cowslip.web;

import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.SplittableRandom;
import java.util.concurrent.Callable;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/** What goes on in a soak beside those who read and write. None of it changes what a disk holds. */
final class SoakDisturbance {
    private static final JsonMapper JSON = JsonMapper.shared();

    private final List<SoakDrive> drives;
    private final SoakClient http;

    SoakDisturbance(List<SoakDrive> drives, SoakClient http) {
        this.drives = drives;
        this.http = http;
    }

    /** What one thread does, again and again. */
    enum Kind {
        RECONFIGURE,
        SNAPSHOTS,
        JOBS,
        BITMAPS,
        RESIZE,
        LISTINGS,
        TICKETS,
        REOPEN
    }

    Callable<Void> of(Kind kind, SplittableRandom random) {
        return () -> {
            for (int round = 0; http.goesOn(); round++) {
                SoakDrive drive = drives.get(random.nextInt(drives.size()));
                switch (kind) {
                    case RECONFIGURE -> reconfigure(drive, random);
                    case SNAPSHOTS -> snapshot(drive, round);
                    case JOBS -> job(drive, random);
                    case BITMAPS -> bitmap(drive, round);
                    case RESIZE -> resize(drive, random);
                    case LISTINGS -> list(drive);
                    case TICKETS -> ticket(drive);
                    case REOPEN -> reopen(drive);
                }
            }
            return null;
        };
    }

    private static String path(SoakDrive drive, String rest) {
        return "/drives/" + drive.id() + rest;
    }

    private void reconfigure(SoakDrive drive, SplittableRandom random) throws Exception {
        http.did(
                "reconfiguration",
                "PATCH",
                path(drive, ""),
                "{\"l2-cache-size\": " + (1024L << random.nextInt(10)) + ", \"l2-cache-entry-size\": "
                        + (512 << random.nextInt(4)) + ", \"cache-clean-interval\": " + random.nextInt(3) + "}");
        pause(20);
    }

    /** What a snapshot holds is the same after a while of writing. */
    private void snapshot(SoakDrive drive, int round) throws Exception {
        String name = "s" + round;
        String copy = "soak/copy" + round + ".qcow2";
        if (!drive.hasSnapshots()
                || !http.did("snapshot", "POST", path(drive, "/snapshots"), "{\"name\": \"" + name + "\"}")) {
            return;
        }
        String source = "\"file\": \"" + drive.volume() + "\", \"options\": {\"snapshot\": \"" + name + "\"}";
        JsonNode made = ended("{\"type\": \"convert\", " + source + ", \"target\": {\"file\": \"" + copy + "\"}}");
        if (made.path("state").asString("").equals("completed")) {
            pause(300);
            JsonNode compared =
                    ended("{\"type\": \"compare\", " + source + ", \"other\": {\"file\": \"" + copy + "\"}}");
            if (compared.path("state").asString("").equals("completed")) {
                require(compared.path("result").path("identical").asBoolean(false), compared);
                http.counts().done("snapshot compared");
            }
            http.did("volume deleted", "DELETE", "/volumes/" + copy, "");
        }
        while (!http.did("snapshot deleted", "DELETE", path(drive, "/snapshots/" + name), "") && http.goesOn()) {
            pause(20);
        }
    }

    private void job(SoakDrive drive, SplittableRandom random) throws Exception {
        String id = "\"drive\": \"" + drive.id() + "\"}";
        switch (random.nextInt(3)) {
            case 0 -> {
                JsonNode result = ended("{\"type\": \"check\", " + id).path("result");
                require(
                        result.path("corruptions").asLong(0) == 0
                                && result.path("check-errors").asLong(0) == 0,
                        result);
            }
            case 1 -> {
                JsonNode result = ended("{\"type\": \"scrub\", \"snapshots\": true, \"chain\": true, " + id)
                        .path("result");
                require(result.path("unreadable").asLong(0) == 0, result);
            }
            default -> ended("{\"type\": \"map\", \"limit\": 100, " + id);
        }
        pause(50);
    }

    private static void require(boolean sound, JsonNode told) {
        if (!sound) {
            throw new AssertionError(told.toString());
        }
    }

    /** A job once it has ended, or nothing where it was refused. */
    private JsonNode ended(String request) throws Exception {
        HttpResponse<byte[]> answer =
                http.send("job", "POST", "/jobs", "application/json", request.getBytes(StandardCharsets.UTF_8));
        JsonNode job = JSON.readTree(answer.body());
        while (SoakClient.isDone(answer)
                && List.of("queued", "running").contains(job.path("state").asString(""))) {
            pause(10);
            answer = http.send("job asked", "GET", "/jobs/" + job.path("id").asString(""), "", new byte[0]);
            job = JSON.readTree(answer.body());
        }
        if (job.path("state").asString("").equals("failed")) {
            int status = job.path("problem").path("status").asInt(0);
            // The drive was closed meanwhile, or a drive that was asked to stand still was written.
            require(status == 404 || status == 409, job);
        }
        http.counts()
                .done("job " + job.path("type").asString("") + " "
                        + job.path("state").asString(""));
        return job;
    }

    private void bitmap(SoakDrive drive, int round) throws Exception {
        String name = "b" + round;
        if (http.did("bitmap", "POST", path(drive, "/bitmaps"), "{\"name\": \"" + name + "\"}")) {
            pause(100);
            http.did("bitmap listed", "GET", path(drive, "/data/extents?context=dirty&bitmap=" + name), "");
            http.did("bitmap cleared", "POST", path(drive, "/bitmaps/" + name + "/clear"), "");
            while (!http.did("bitmap deleted", "DELETE", path(drive, "/bitmaps/" + name), "") && http.goesOn()) {
                pause(20);
            }
        }
    }

    /** Behind the part that anybody writes. */
    private void resize(SoakDrive drive, SplittableRandom random) throws Exception {
        long larger = SoakDrive.DISK_BYTES + 512L * random.nextInt(1, 1 << 15);
        if (http.did("grown", "PATCH", path(drive, ""), "{\"virtual-size\": " + larger + "}")) {
            pause(50);
            http.did(
                    "shrunk",
                    "PATCH",
                    path(drive, ""),
                    "{\"virtual-size\": " + SoakDrive.DISK_BYTES + ", \"shrink\": true}");
        }
        pause(100);
    }

    private void list(SoakDrive drive) throws Exception {
        http.did("extents", "GET", path(drive, "/data/extents?length=" + SoakDrive.DISK_BYTES), "");
        http.did("caches dropped", "POST", "/actuator/drivecaches/" + drive.id(), "{}");
        http.did("checksum", "GET", path(drive, "/data/checksum"), "");
        http.did("drives listed", "GET", "/drives", "");
        pause(20);
    }

    private void ticket(SoakDrive drive) throws Exception {
        HttpResponse<byte[]> made = http.send(
                "ticket",
                "POST",
                path(drive, "/tickets"),
                "application/json",
                ("{\"ops\": [\"read\"], \"timeout\": 30, \"size\": " + SoakDrive.DISK_BYTES + "}")
                        .getBytes(StandardCharsets.UTF_8));
        if (!SoakClient.isDone(made)) {
            return;
        }
        JsonNode ticket = JSON.readTree(made.body());
        HttpResponse<byte[]> read =
                http.sendWhatever(ticket.path("transfer-url").asString(""));
        // The drive was closed, and its tickets with it.
        require(read.statusCode() == 200 || read.statusCode() == 403, ticket);
        http.did(
                "ticket deleted",
                "DELETE",
                path(drive, "/tickets/" + ticket.path("id").asString("")),
                "");
        pause(20);
    }

    private void reopen(SoakDrive drive) throws Exception {
        pause(1500);
        while (!http.did("closed", "DELETE", path(drive, ""), "")) {
            pause(50);
        }
        // Also when the soak is over: what was closed is open at the end. A job may read a snapshot of the volume
        // meanwhile.
        while (!http.did("opened", "POST", "/drives", drive.openRequest())) {
            pause(50);
        }
    }

    /** Between two requests of a thread, as of clients that do other things as well. */
    private static void pause(long millis) throws InterruptedException {
        Thread.sleep(millis);
    }
}
