package io.cowslip.web;

import static io.restassured.RestAssured.given;
import static org.assertj.core.api.Assertions.assertThat;

import io.cowslip.testing.HeldImage;
import io.cowslip.testing.ImageAssertions;
import io.cowslip.testing.NeedsQemu;
import io.cowslip.testing.Processes;
import io.cowslip.testing.QemuTools;
import io.restassured.path.json.JsonPath;
import io.restassured.response.Response;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;

/**
 * QEMU's programs and the service at the same files: whatever one of them has, the other does not write, and does not read
 * while it is written. Each kind of file, each way in which QEMU can have it open, each thing that the service can be
 * asked to do with it; and the other way round.
 */
@NeedsQemu
class QemuBesideTest extends RunningService {
    private static final String FOLDER = "beside/";

    /** How {@code qemu-io} has a file open. */
    private enum Held {
        WRITING,
        READING("-r"),
        /** It bears everything, and so it is borne. */
        FORCE_SHARE("-r", "-U");

        private final String[] flags;

        Held(String... flags) {
            this.flags = flags;
        }
    }

    /** What the service may be asked to do with {@code vol}, which takes a writer's part or a reader's. */
    private enum Request {
        OPEN_TO_WRITE(true),
        OPEN_TO_READ(false),
        CHECK(false),
        SCRUB(false),
        CONVERT(false),
        REPAIR(true),
        COMPACT(true),
        RESIZE(true),
        AMEND(true),
        DELETE(true);

        private final boolean writes;

        Request(boolean writes) {
            this.writes = writes;
        }

        /** Whether the service did it, and not refused it because somebody has the file. */
        boolean succeeds(String volume, String format, int number) {
            String file = "\"file\": \"" + volume + "\"";
            String opened = file + ", \"options\": {\"format\": \"" + format + "\"}";
            return switch (this) {
                case OPEN_TO_WRITE -> opens(file + ", \"format\": \"" + format + "\"");
                case OPEN_TO_READ -> opens(file + ", \"format\": \"" + format + "\", \"read-only\": true");
                case CHECK -> completes("{\"type\": \"check\", " + file + "}");
                case SCRUB -> completes("{\"type\": \"scrub\", " + opened + "}");
                case CONVERT ->
                    completes("{\"type\": \"convert\", " + opened + ", \"target\": {\"file\": \"" + FOLDER + "copy"
                            + number + "\"}}");
                case REPAIR -> completes("{\"type\": \"check\", \"repair\": \"all\", " + file + "}");
                case COMPACT -> completes("{\"type\": \"compact\", " + opened + "}");
                case RESIZE -> completes("{\"type\": \"resize\", \"virtual-size\": \"2M\", " + opened + "}");
                case AMEND -> did(json("{\"lazy-refcounts\": true}").patch("/volumes/" + volume), 200);
                case DELETE -> did(given().delete("/volumes/" + volume), 204);
            };
        }

        private static boolean opens(String members) {
            Response response = json("{\"id\": \"tried\", " + members + "}").post("/drives");
            boolean open = did(response, 201);
            if (open) {
                given().delete("/drives/tried").then().statusCode(204);
            }
            return open;
        }

        private static boolean completes(String body) {
            Response response = json(body).post("/jobs");
            if (!did(response, 202)) {
                return false;
            }
            JsonPath job = ended(response.header("Location"));
            if (!job.getString("state").equals("completed")) {
                assertThat(job.getInt("problem.status"))
                        .as(body + job.prettify())
                        .isEqualTo(409);
                return false;
            }
            return true;
        }

        private static boolean did(Response response, int status) {
            if (response.statusCode() != status) {
                assertThat(response.statusCode()).as(response.asString()).isEqualTo(409);
                return false;
            }
            return true;
        }
    }

    private static Path image(String name) {
        Path image = QemuTools.create(file(FOLDER + name), MIB, "");
        QemuTools.edit(image, "write -P 1 0 256k");
        return image;
    }

    private static Path raw(String name) throws IOException {
        return Files.write(file(FOLDER + name), filled(MIB, 1));
    }

    @ParameterizedTest
    @EnumSource
    void whatQemuHasIsLeftAlone(Held held) throws IOException {
        Map<Request, Boolean> done = new LinkedHashMap<>();
        Map<Request, Boolean> expected = new LinkedHashMap<>();
        for (Request request : Request.values()) {
            Path image = image("held.qcow2");
            try (HeldImage qemu = QemuTools.hold("qcow2", image, held.flags)) {
                byte[] before = Files.readAllBytes(image);
                done.put(request, request.succeeds(FOLDER + "held.qcow2", "qcow2", held.ordinal()));
                expected.put(
                        request,
                        switch (held) {
                            case WRITING -> false;
                            case READING -> !request.writes;
                            case FORCE_SHARE -> true;
                        });
                if (!expected.get(request) || !request.writes) {
                    assertThat(Files.readAllBytes(image)).as(request + "").isEqualTo(before);
                }
                assertThat(qemu.run("read -P 1 0 64k")).contains("read 65536/65536");
            }
            if (!done.get(request)) {
                assertThat(request.succeeds(FOLDER + "held.qcow2", "qcow2", 10 + held.ordinal()))
                        .as(request + " once QEMU has let go")
                        .isTrue();
            }
            Files.deleteIfExists(root().resolve(FOLDER + "copy" + held.ordinal()));
            Files.deleteIfExists(root().resolve(FOLDER + "copy" + (10 + held.ordinal())));
        }
        assertThat(done).isEqualTo(expected);
    }

    @ParameterizedTest
    @EnumSource
    void aRawDiskThatQemuHasIsLeftAlone(Held held) throws IOException {
        for (Request request : List.of(Request.OPEN_TO_WRITE, Request.OPEN_TO_READ, Request.SCRUB, Request.DELETE)) {
            Path image = raw("held.raw");
            try (HeldImage qemu = QemuTools.hold("raw", image, held.flags)) {
                // Who reads a raw disk by qemu-io bears all others, as for another qemu-io.
                boolean expected = held != Held.WRITING;
                assertThat(request.succeeds(FOLDER + "held.raw", "raw", 0))
                        .as(request + "")
                        .isEqualTo(expected);
                assertThat(qemu.run("read -P 1 0 64k")).contains("read 65536/65536");
            }
        }
    }

    @ParameterizedTest
    @EnumSource
    void whatStandsOnAFileThatQemuHasIsNotOpened(Held held) {
        Path base = image("base.qcow2");
        QemuTools.createOver(file(FOLDER + "over.qcow2"), "base.qcow2", "qcow2", -1, "");
        try (HeldImage qemu = QemuTools.hold("qcow2", base, held.flags)) {
            boolean expected = held != Held.WRITING;
            assertThat(Request.OPEN_TO_READ.succeeds(FOLDER + "over.qcow2", "qcow2", 0))
                    .isEqualTo(expected);
            assertThat(Request.OPEN_TO_WRITE.succeeds(FOLDER + "over.qcow2", "qcow2", 0))
                    .isEqualTo(expected);
            // A commit writes the base.
            assertThat(Request.completes("{\"type\": \"commit\", \"file\": \"" + FOLDER + "over.qcow2\"}"))
                    .isEqualTo(held == Held.FORCE_SHARE);
            assertThat(qemu.run("read -P 1 0 64k")).contains("read 65536/65536");
        }
    }

    @ParameterizedTest
    @EnumSource
    void anImageWhoseDataFileQemuHasIsNotOpened(Held held) {
        Path data = file(FOLDER + "split.data");
        file(FOLDER + "split.qcow2");
        json("{\"virtual-size\": \"1M\", \"data-file\": \"split.data\"}")
                .put("/volumes/" + FOLDER + "split.qcow2")
                .then()
                .statusCode(201);
        try (HeldImage qemu = QemuTools.hold("raw", data, held.flags)) {
            assertThat(Request.OPEN_TO_WRITE.succeeds(FOLDER + "split.qcow2", "qcow2", 0))
                    .isEqualTo(held != Held.WRITING);
            assertThat(Request.OPEN_TO_READ.succeeds(FOLDER + "split.qcow2", "qcow2", 0))
                    .isEqualTo(held != Held.WRITING);
            assertThat(qemu.run("read 0 64k")).contains("read 65536/65536");
        }
    }

    /** What QEMU may do to a file that a drive has. */
    @ParameterizedTest
    @CsvSource({"false,qcow2", "true,qcow2", "false,raw", "true,raw"})
    void whatADriveHasQemuLeavesAlone(boolean readOnly, String format) throws IOException {
        String name = "drive." + format;
        Path image = format.equals("raw") ? raw(name) : image(name);
        json("{\"id\": \"has\", \"file\": \"" + FOLDER + name + "\", \"format\": \"" + format + "\", \"read-only\": "
                        + readOnly + "}")
                .post("/drives")
                .then()
                .statusCode(201);
        byte[] before = Files.readAllBytes(image);
        assertThat(qemuIo(format, image, "write -P 9 0 64k")).isFalse();
        // Who reads a raw disk by qemu-io bears others who write it.
        boolean borne = readOnly || format.equals("raw");
        assertThat(qemuIo(format, image, "-r", "read 0 64k")).isEqualTo(borne);
        assertThat(qemuIo(format, image, "-r", "-U", "read 0 64k")).isTrue();
        assertThat(qemuImg("info", "-f", format, image)).isEqualTo(borne);
        assertThat(qemuImg("info", "-U", "-f", format, image)).isTrue();
        assertThat(qemuImg("resize", "-f", format, image, "4M")).isFalse();
        if (format.equals("qcow2")) {
            assertThat(qemuImg("check", image)).isEqualTo(readOnly);
            assertThat(qemuImg("check", "-U", image)).isTrue();
            assertThat(qemuImg("check", "-r", "all", image)).isFalse();
            assertThat(qemuImg("snapshot", "-c", "s", image)).isFalse();
            assertThat(qemuImg("amend", "-o", "lazy_refcounts=on", image)).isFalse();
            assertThat(qemuImg("bitmap", "--add", image, "b")).isFalse();
            assertThat(qemuImg("rebase", "-u", "-b", "", image)).isFalse();
        }
        assertThat(Files.readAllBytes(image)).isEqualTo(before);
        if (!readOnly) {
            write("has", 0, filled(KIB, 5));
        }
        given().delete("/drives/has").then().statusCode(204);
        assertThat(qemuIo(format, image, "read -P " + (readOnly ? 1 : 5) + " 0 1k"))
                .isTrue();
        assertThat(qemuIo(format, image, "write -P 9 0 64k")).isTrue();
    }

    @Test
    void whatIsBelowADriveQemuReadsAtMost() {
        Path base = image("below.qcow2");
        QemuTools.createOver(file(FOLDER + "above.qcow2"), "below.qcow2", "qcow2", -1, "");
        open("above", FOLDER + "above.qcow2");
        assertThat(qemuIo("qcow2", base, "write -P 9 0 64k")).isFalse();
        assertThat(qemuIo("qcow2", base, "-r", "read -P 1 0 64k")).isTrue();
        // A commit from another overlay would write it.
        Path other = QemuTools.createOver(file(FOLDER + "other.qcow2"), "below.qcow2", "qcow2", -1, "");
        assertThat(qemuImg("commit", other)).isFalse();
        // QEMU's own overlay reads beside ours.
        assertThat(qemuIo("qcow2", other, "write -P 2 0 64k")).isTrue();
    }

    @Test
    void theDataFileOfADriveIsQemusNeither() {
        Path data = file(FOLDER + "own.data");
        file(FOLDER + "own.qcow2");
        json("{\"virtual-size\": \"1M\", \"data-file\": \"own.data\"}")
                .put("/volumes/" + FOLDER + "own.qcow2")
                .then()
                .statusCode(201);
        open("own", FOLDER + "own.qcow2");
        assertThat(qemuIo("raw", data, "write -P 9 0 64k")).isFalse();
        assertThat(qemuIo("raw", data, "-r", "-U", "read 0 64k")).isTrue();
        given().delete("/drives/own").then().statusCode(204);
        assertThat(qemuIo("raw", data, "write -P 9 0 64k")).isTrue();
    }

    /** The writer's lock is the drive's, not the reader's of the snapshot beside it. */
    @Test
    void aSnapshotReadBesideADriveGivesNoLockAway() {
        Path image = image("snapshot.qcow2");
        open("live", FOLDER + "snapshot.qcow2");
        json("{\"name\": \"s\"}").post("/drives/live/snapshots").then().statusCode(201);
        json("{\"id\": \"still\", \"file\": \"" + FOLDER
                        + "snapshot.qcow2\", \"snapshot\": \"s\", \"read-only\": true}")
                .post("/drives")
                .then()
                .statusCode(201);
        assertThat(qemuIo("qcow2", image, "-r", "read 0 64k")).isFalse();
        given().delete("/drives/still").then().statusCode(204);
        assertThat(qemuIo("qcow2", image, "-r", "read 0 64k")).isFalse();
        write("live", 0, filled(KIB, 5));
        given().delete("/drives/live").then().statusCode(204);
        ImageAssertions.assertThat(image).passesQemuCheck();
    }

    /** A refusal, and a change of mind, leave the lock what it was. */
    @Test
    void theLockFollowsTheDrivesMode() {
        Path image = image("mode.qcow2");
        open("mode", FOLDER + "mode.qcow2");
        json("{\"read-only\": true}").patch("/drives/mode").then().statusCode(200);
        try (HeldImage reader = QemuTools.hold("qcow2", image, "-r")) {
            json("{\"read-only\": false}").patch("/drives/mode").then().statusCode(409);
            assertThat(reader.run("read -P 1 0 64k")).contains("read 65536/65536");
            assertThat(qemuIo("qcow2", image, "write -P 9 0 64k")).isFalse();
        }
        json("{\"read-only\": false}").patch("/drives/mode").then().statusCode(200);
        assertThat(qemuIo("qcow2", image, "-r", "read 0 64k")).isFalse();
    }

    private static boolean qemuIo(String format, Path image, String... flagsAndCommand) {
        List<String> arguments = new ArrayList<>(List.of("qemu-io", "-f", format));
        for (int index = 0; index < flagsAndCommand.length - 1; index++) {
            arguments.add(flagsAndCommand[index]);
        }
        arguments.addAll(List.of("-c", flagsAndCommand[flagsAndCommand.length - 1], image.toString()));
        return done(arguments);
    }

    private static boolean qemuImg(Object... arguments) {
        List<String> command = new ArrayList<>(List.of("qemu-img"));
        for (Object argument : arguments) {
            command.add(argument.toString());
        }
        return done(command);
    }

    /** Whether QEMU did it, and not refused it for want of a lock. */
    private static boolean done(List<String> command) {
        Processes.Output output = Processes.run(Duration.ofSeconds(60), command);
        boolean refused = output.exitCode() != 0;
        if (refused) {
            assertThat(output.err() + output.out()).as(command + "").contains("lock");
        }
        return !refused;
    }
}
