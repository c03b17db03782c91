package io.cowslip.web;

import static io.restassured.RestAssured.given;
import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;
import static org.hamcrest.Matchers.equalTo;
import static org.hamcrest.Matchers.matchesPattern;

import io.cowslip.testing.NeedsQemu;
import io.cowslip.testing.RepeatedTable;
import io.micrometer.core.instrument.MeterRegistry;
import io.restassured.response.Response;
import java.io.IOException;
import java.time.Duration;
import java.time.Instant;
import org.junit.jupiter.api.Test;
import org.springframework.beans.factory.annotation.Autowired;
import org.springframework.test.context.TestPropertySource;

/** "Quota": what one caller may have of requests, bytes and jobs. */
@TestPropertySource(
        properties = {
            "cowslip.limits.requests-per-second=20",
            "cowslip.limits.request-burst=60",
            "cowslip.limits.bytes-per-second=1M",
            "cowslip.limits.requests-at-once=3",
            "cowslip.limits.jobs-per-caller=1",
            "cowslip.jobs.running=1"
        })
class CallerLimitsTest extends RunningService {
    @Autowired
    private MeterRegistry meters;

    @Test
    void requestsThatAreTooManyAreRefused() throws InterruptedException {
        given().get("/drives")
                .then()
                .statusCode(200)
                .header("RateLimit-Policy", equalTo("\"requests\";q=60;w=3"))
                .header("RateLimit", matchesPattern("\"requests\";r=[0-9]+;t=[0-9]+"));
        Response refused = firstRefused();
        Problems.problem(refused, 429, "too-many-requests")
                .header("RateLimit", matchesPattern("\"requests\";r=0;t=[0-9]+"))
                .body("limit", equalTo("cowslip.limits.requests-per-second"));
        // What a caller that is refused is told to do.
        Thread.sleep(Duration.ofSeconds(Long.parseLong(refused.header("Retry-After"))));
        given().get("/drives").then().statusCode(200);
        assertThat(given().get("/actuator/metrics/cowslip.limits.refused?tag=limit:requests-per-second")
                        .jsonPath()
                        .getDouble("measurements[0].value"))
                .isPositive();
    }

    private static Response firstRefused() {
        for (int count = 0; count < 5000; count++) {
            Response answer = given().get("/problems/not-found");
            if (answer.statusCode() == 429) {
                return answer;
            }
        }
        throw new AssertionError("5000 requests were answered");
    }

    /** What is moved at once at most is what may be moved in a second. */
    @Test
    void bytesAreMovedAsFastAsTheyMayBe() {
        createAndOpen("disk", "callers/disk.qcow2", "4M");
        Instant begin = Instant.now();
        assertThat(given().get("/drives/disk/data").asByteArray()).hasSize(4 * MIB);
        assertThat(Duration.between(begin, Instant.now())).isGreaterThan(Duration.ofMillis(2500));
        begin = Instant.now();
        write("disk", 0, filled(3 * MIB, 7));
        assertThat(Duration.between(begin, Instant.now())).isGreaterThan(Duration.ofMillis(1500));
        assertThat(read("disk", 3 * MIB - 5, 10)).startsWith(7, 7, 7, 7, 7).endsWith(0, 0, 0, 0, 0);
    }

    @Test
    void soManyRequestsAtOnce() throws IOException {
        createAndOpen("disk", "callers/held.qcow2", "4M");
        // A request counts for a moment longer than it takes its client to read the answer.
        await().until(() -> underWay() == 0);
        try (RawConnection first = new RawConnection(port());
                RawConnection second = new RawConnection(port());
                RawConnection third = new RawConnection(port())) {
            for (RawConnection each : new RawConnection[] {first, second, third}) {
                each.head("PUT /drives/disk/data?flush=n HTTP/1.1", "Content-Length: 10", "Expect: 100-continue");
                assertThat(each.receiveHead().status()).isEqualTo(100);
            }
            Problems.problem(given().get("/drives/disk/data"), 429, "too-many-requests")
                    .header("Retry-After", "1")
                    .body("limit", equalTo("cowslip.limits.requests-at-once"));
            third.send(new byte[10]);
            assertThat(third.receiveHead().status()).isEqualTo(200);
            await().until(() -> given().get("/drives").statusCode() == 200);
        }
    }

    private int underWay() {
        return meters.find("http.server.requests.active").longTaskTimers().stream()
                .mapToInt(timer -> timer.activeTasks())
                .sum();
    }

    @Test
    @NeedsQemu
    void soManyJobs() throws IOException {
        RepeatedTable.make(file("callers/long.qcow2"), 1L << 38);
        String job = start("{\"type\": \"convert\", \"file\": \"callers/long.qcow2\","
                + " \"target\": {\"file\": \"callers/copy.qcow2\", \"compress\": true}}");
        String check = "{\"type\": \"check\", \"file\": \"callers/long.qcow2\"}";
        Problems.problem(json(check).post("/jobs"), 429, "too-many-requests")
                .body("limit", equalTo("cowslip.limits.jobs-per-caller"));
        given().delete(job).then().statusCode(202);
        ended(job);
        ended(start(check));
    }
}
