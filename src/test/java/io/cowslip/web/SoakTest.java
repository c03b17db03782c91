package io.cowslip.web;

import static io.restassured.RestAssured.given;
import static org.assertj.core.api.Assertions.assertThat;

import io.cowslip.testing.NeedsQemu;
import io.cowslip.testing.ProcessUse;
import io.cowslip.testing.Seeds;
import java.io.IOException;
import java.net.http.HttpClient;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.springframework.test.context.TestPropertySource;

/**
 * Drives of all kinds under all that clients do, for as long as {@code -Dcowslip.soak=seconds} says: at the end every byte
 * is what its writer wrote last, {@code qemu-img check} finds nothing, and the process has no more threads, files, and
 * memory outside the heap than before.
 */
@NeedsQemu
@Tag("long")
@TestPropertySource(properties = "spring.datasource.hikari.connection-timeout=60000")
class SoakTest extends RunningService {
    private static final int SECONDS = Integer.getInteger("cowslip.soak", Seeds.longRun() ? 120 : 3);

    @Test
    void nothingIsLostAndNothingLeaks() throws Exception {
        long seed = Seeds.seeds(1, 1).findFirst().orElseThrow();
        SplittableRandom random = new SplittableRandom(seed);
        List<SoakDrive> drives = SoakDrive.create();
        // What is made at the first use stays.
        run(drives, random.split(), Duration.ofSeconds(1), new SoakCounts());
        verify(drives);
        ProcessUse before = ProcessUse.settled();
        SoakCounts counts = new SoakCounts();
        drives.forEach(SoakDrive::open);
        try {
            run(drives, random.split(), Duration.ofSeconds(SECONDS), counts);
            verify(drives);
        } catch (Exception | AssertionError failure) {
            throw new AssertionError(
                    failure.getMessage() + "; " + Seeds.replay(getClass(), seed) + " after " + counts, failure);
        }
        ProcessUse after = ProcessUse.settled();
        System.out.println(SECONDS + " s: " + counts + "; before " + before + ", after " + after);
        after.requireNoMoreThan(before);
    }

    private void run(List<SoakDrive> drives, SplittableRandom random, Duration length, SoakCounts counts)
            throws Exception {
        long end = System.nanoTime() + length.toNanos();
        List<Future<?>> running = new ArrayList<>();
        try (ExecutorService threads = Executors.newCachedThreadPool();
                HttpClient client = HttpClient.newHttpClient()) {
            SoakClient http = new SoakClient(client, port(), counts, end);
            for (SoakDrive drive : drives) {
                for (int writer = 0; writer < SoakDrive.WRITERS; writer++) {
                    running.add(threads.submit(drive.writer(writer, http, random.split())));
                }
            }
            SoakDisturbance disturbance = new SoakDisturbance(drives, http);
            for (SoakDisturbance.Kind kind : SoakDisturbance.Kind.values()) {
                running.add(threads.submit(disturbance.of(kind, random.split())));
            }
            for (Future<?> one : running) {
                try {
                    one.get();
                } catch (Exception failure) {
                    http.stop();
                    throw failure;
                }
            }
        }
    }

    private static void verify(List<SoakDrive> drives) throws IOException {
        for (SoakDrive drive : drives) {
            drive.verify();
        }
        given().get("/drives").then().statusCode(200);
        for (SoakDrive drive : drives) {
            given().delete("/drives/" + drive.id()).then().statusCode(204);
            drive.verifyFile();
        }
        assertThat(given().get("/drives").jsonPath().getList("id")).isEmpty();
    }
}
