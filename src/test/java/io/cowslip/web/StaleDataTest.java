package io.cowslip.web;

import static io.restassured.RestAssured.given;
import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import io.cowslip.testing.NeedsQemu;
import io.cowslip.testing.QemuTools;
import io.cowslip.testing.Seeds;
import io.micrometer.core.instrument.MeterRegistry;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Arrays;
import java.util.SplittableRandom;
import java.util.stream.LongStream;
import org.awaitility.core.ConditionFactory;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.springframework.beans.factory.annotation.Autowired;

/** "No stale data": nobody reads what a cluster held for somebody else. */
@Tag("long")
@NeedsQemu
class StaleDataTest extends RunningService {
    private static final int SECTOR = 512;
    private static final int DISK_BYTES = 4 * MIB;
    private static final int FOREIGN = 0xAA;
    private static final int DEATHS = 12;

    @Autowired
    private MeterRegistry meters;

    static LongStream seeds() {
        return Seeds.seeds(2, 40);
    }

    /**
     * Clients that die at any place of a body, on a disk whose file is full of clusters that were discarded: each sector is
     * as it was or as it was sent, and after a clean close QEMU finds nothing amiss and reads the same.
     */
    @ParameterizedTest
    @MethodSource("seeds")
    void whoDiesInABodyLeavesSectorsOldOrNew(long seed) throws IOException {
        SplittableRandom random = new SplittableRandom(seed);
        String volume = "stale/" + seed + ".qcow2";
        createAndOpen("stale", volume, "8M");
        write("stale", 0, filled(8 * MIB, FOREIGN));
        json("{\"op\": \"discard\", \"size\": \"8M\", \"flush\": true}")
                .patch("/drives/stale/data")
                .then()
                .statusCode(200);
        byte[] before = new byte[DISK_BYTES];
        for (int death = 1; death <= DEATHS; death++) {
            int length = 1 + random.nextInt(MIB);
            int start = random.nextInt(DISK_BYTES - length);
            dieWithin("stale", start, filled(length, death), random);
            byte[] after = read("stale", 0, DISK_BYTES);
            assertOldOrNew(before, after, start, length, death, Seeds.replay(StaleDataTest.class, seed));
            before = after;
        }
        given().delete("/drives/stale").then().statusCode(204);
        Path file = root().resolve(volume);
        assertThat(QemuTools.check(file).clean()).isTrue();
        open("stale", volume);
        assertThat(read("stale", 0, DISK_BYTES)).isEqualTo(before);
    }

    private void dieWithin(String drive, int start, byte[] body, SplittableRandom random) throws IOException {
        // The ends of earlier requests are not to be taken for this one's.
        soon().until(() -> underWay() == 0);
        long before = writesEnded();
        try (RawConnection connection = new RawConnection(port())) {
            connection.head(
                    "PUT /drives/" + drive + "/data?flush=n HTTP/1.1",
                    "Content-Length: " + body.length,
                    "Content-Range: bytes " + start + "-" + (start + body.length - 1) + "/*");
            connection.send(Arrays.copyOf(body, random.nextInt(body.length)));
            if (random.nextBoolean()) {
                connection.finishSending();
                connection.receiveAll();
            }
        }
        // That none is under way is true before the service has seen it, too.
        soon().until(() -> writesEnded() > before);
    }

    /** Deaths are many, and none takes long. */
    private static ConditionFactory soon() {
        return await().pollDelay(Duration.ZERO).pollInterval(Duration.ofMillis(10));
    }

    private int underWay() {
        return meters.find("http.server.requests.active").longTaskTimers().stream()
                .mapToInt(timer -> timer.activeTasks())
                .sum();
    }

    private long writesEnded() {
        return meters.find("http.server.requests").tag("method", "PUT").timers().stream()
                .mapToLong(timer -> timer.count())
                .sum();
    }

    private static void assertOldOrNew(byte[] before, byte[] after, int start, int length, int value, String replay) {
        for (int at = 0; at < DISK_BYTES; at++) {
            boolean within = at >= start && at < start + length;
            if (after[at] != before[at]) {
                assertThat(within && after[at] == value)
                        .as("byte %d of the disk became %d; %s", at, after[at], replay)
                        .isTrue();
            }
        }
        for (int sector = Math.ceilDiv(start, SECTOR); (sector + 1) * SECTOR <= start + length; sector++) {
            byte[] now = Arrays.copyOfRange(after, sector * SECTOR, (sector + 1) * SECTOR);
            byte[] then = Arrays.copyOfRange(before, sector * SECTOR, (sector + 1) * SECTOR);
            assertThat(Arrays.equals(now, then) || Arrays.equals(now, filled(SECTOR, value)))
                    .as("sector %d is old or new; %s", sector, replay)
                    .isTrue();
        }
    }

    /** What a raw disk gains reads as zeros, also where the file was longer once. */
    @Test
    void rawDisksGrowByZeros() throws IOException {
        Path file = file("stale/raw.img");
        Files.write(file, filled(MIB, FOREIGN));
        json("{\"id\": \"raw\", \"file\": \"stale/raw.img\", \"format\": \"raw\"}")
                .post("/drives")
                .then()
                .statusCode(201);
        resize("raw", "{\"virtual-size\": \"64K\", \"shrink\": true}");
        resize("raw", "{\"virtual-size\": \"1M\"}");
        byte[] disk = read("raw", 0, MIB);
        assertThat(Arrays.copyOf(disk, 64 * KIB)).containsOnly(FOREIGN);
        assertThat(Arrays.copyOfRange(disk, 64 * KIB, MIB)).containsOnly(0);
    }

    private static void resize(String drive, String change) {
        given().contentType("application/merge-patch+json")
                .body(change)
                .patch("/drives/" + drive)
                .then()
                .statusCode(200);
    }

    /** Another name of the file shows what has become of its bytes. */
    @Test
    void wipedVolumesHoldZerosBeforeTheyGo() throws IOException {
        createAndOpen("wiped", "stale/wiped.qcow2", "4M");
        write("wiped", 0, filled(3 * MIB, FOREIGN));
        Problems.problem(given().delete("/volumes/stale/wiped.qcow2?wipe=y"), 409, "in-use");
        given().delete("/drives/wiped").then().statusCode(204);
        Path file = root().resolve("stale/wiped.qcow2");
        Path other = Files.createTempDirectory(root(), ".wiped").resolve("other");
        Files.createLink(other, file);
        assertThat(Files.readAllBytes(other)).contains(FOREIGN);
        given().delete("/volumes/stale/wiped.qcow2?wipe=y").then().statusCode(204);
        assertThat(file).doesNotExist();
        assertThat(Files.size(other)).isGreaterThan(3 * MIB);
        assertThat(Files.readAllBytes(other)).containsOnly(0);
        Files.delete(other);
        Files.delete(other.getParent());
    }
}
