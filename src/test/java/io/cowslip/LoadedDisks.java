package io.cowslip;

import static org.assertj.core.api.Assertions.assertThat;

import io.cowslip.testing.QemuTools;
import io.cowslip.testing.ServiceClient;
import io.cowslip.testing.ServiceClient.Answer;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.HashMap;
import java.util.Map;
import java.util.SplittableRandom;
import java.util.TreeSet;
import java.util.concurrent.locks.LockSupport;
import tools.jackson.databind.JsonNode;

/**
 * A client that takes and deletes snapshots of disks which others write, makes the disks larger, and has a volume
 * converted, until the service ends. It knows which snapshots and which sizes were acknowledged.
 */
final class LoadedDisks {
    private static final int MIB = 1 << 20;
    private static final int MOST_SNAPSHOTS = 4;
    private static final Duration PATIENCE = Duration.ofMinutes(1);
    private static final long PAUSE_NANOS = 10_000_000;

    private final Path folder;
    private final Map<String, TreeSet<String>> snapshots = new HashMap<>();
    private final Map<String, String> pending = new HashMap<>();
    private final Map<String, Long> sizes = new HashMap<>();
    private final Map<String, Long> wantedSizes = new HashMap<>();
    private int names;

    LoadedDisks(Path folder) {
        this.folder = folder;
    }

    void work(int port, SplittableRandom random) {
        try (ServiceClient client = new ServiceClient(port)) {
            convert(client);
            while (step(client, random.nextBoolean() ? "plain" : "lazy", random.nextInt(5))) {
                // One thing after the other.
            }
        } catch (IOException ended) {
            // What was under way is done or not, as is noted.
        }
    }

    private void convert(ServiceClient client) throws IOException {
        client.json(
                "POST",
                "/jobs",
                "{'type': 'convert', 'file': 'source.raw', 'options': {'format': 'raw'}, 'target': {'file': 'made"
                        + names++ + ".qcow2', 'compress': true}}");
    }

    private boolean step(ServiceClient client, String drive, int choice) throws IOException {
        TreeSet<String> known = snapshots.computeIfAbsent(drive, d -> new TreeSet<>());
        if (choice == 0) {
            return grow(client, drive);
        }
        if ((choice > 2 && !known.isEmpty()) || known.size() >= MOST_SNAPSHOTS) {
            String name = known.getFirst();
            pending.put(drive, name);
            return done(client.delete("/drives/" + drive + "/snapshots/" + name), 204, () -> known.remove(name), drive);
        }
        String name = "snapshot" + names++;
        pending.put(drive, name);
        return done(
                client.json("POST", "/drives/" + drive + "/snapshots", "{'name': '" + name + "'}"),
                201,
                () -> known.add(name),
                drive);
    }

    private boolean done(Answer answer, int wanted, Runnable note, String drive) {
        if (answer.status() == 503) {
            return false;
        }
        answer.is(wanted);
        note.run();
        pending.remove(drive);
        return true;
    }

    private boolean grow(ServiceClient client, String drive) throws IOException {
        long before = size(client, drive);
        if (before >= 64 * MIB) {
            return true;
        }
        sizes.put(drive, before);
        wantedSizes.put(drive, before + MIB);
        Answer answer = client.json("PATCH", "/drives/" + drive, "{'virtual-size': " + (before + MIB) + "}");
        if (answer.status() == 503) {
            return false;
        }
        answer.is(200);
        sizes.put(drive, before + MIB);
        return true;
    }

    /** A service on its way out answers 503 until its connections end. */
    private static long size(ServiceClient client, String drive) throws IOException {
        Answer answer = client.get("/drives/" + drive);
        long begin = System.nanoTime();
        while (answer.status() == 503 && System.nanoTime() - begin < PATIENCE.toNanos()) {
            LockSupport.parkNanos(PAUSE_NANOS);
            answer = client.get("/drives/" + drive);
        }
        return answer.is(200).json().path("virtual-size").asLong();
    }

    /** What was acknowledged is so, and what was under way is done or not. */
    void judge(ServiceClient client) throws IOException {
        for (Map.Entry<String, TreeSet<String>> drive : snapshots.entrySet()) {
            TreeSet<String> found = new TreeSet<>();
            for (JsonNode snapshot : client.get("/drives/" + drive.getKey() + "/snapshots")
                    .is(200)
                    .json()) {
                found.add(snapshot.path("name").asString());
            }
            TreeSet<String> sure = new TreeSet<>(drive.getValue());
            TreeSet<String> seen = new TreeSet<>(found);
            String open = pending.remove(drive.getKey());
            if (open != null) {
                sure.remove(open);
                seen.remove(open);
            }
            assertThat(seen).as("snapshots of %s", drive.getKey()).isEqualTo(sure);
            drive.setValue(found);
        }
        for (Map.Entry<String, Long> drive : sizes.entrySet()) {
            assertThat(size(client, drive.getKey()))
                    .isIn(drive.getValue(), wantedSizes.getOrDefault(drive.getKey(), drive.getValue()));
        }
        requireMadeWhole();
    }

    /** A target has its name once it is whole. */
    private void requireMadeWhole() throws IOException {
        for (int number = 0; number < names; number++) {
            Path made = folder.resolve("images/made" + number + ".qcow2");
            if (Files.exists(made)) {
                assertThat(QemuTools.compare(made, "qcow2", folder.resolve("images/source.raw"), "raw")
                                .out())
                        .contains("Images are identical.");
                Files.delete(made);
            }
        }
    }
}
