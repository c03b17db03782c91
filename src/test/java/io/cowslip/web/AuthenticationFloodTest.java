package io.cowslip.web;

import static io.cowslip.web.Problems.problem;
import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;
import static org.hamcrest.Matchers.containsString;
import static org.hamcrest.Matchers.equalTo;
import static org.hamcrest.Matchers.not;

import io.restassured.RestAssured;
import io.restassured.response.Response;
import java.io.IOException;
import java.net.InetAddress;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.time.Duration;
import org.junit.jupiter.api.Test;
import org.springframework.test.context.TestPropertySource;

/** "Flood of wrong credentials": what becomes of those who present them, and of others. */
@TestPropertySource(properties = "cowslip.limits.authentication-failures-per-second=1")
class AuthenticationFloodTest extends SecuredService {
    private static final String WRONG = "nobody-has-this-key";

    /** The first answer to {@code wrong} that is no more the usual one. */
    private static Response flood(String wrong) {
        for (int count = 0; count < 1000; count++) {
            Response answer = bearing(wrong).get("/drives");
            if (answer.statusCode() == 429) {
                return answer;
            }
            assertThat(answer.statusCode()).isEqualTo(401);
        }
        throw new AssertionError("1000 were looked at");
    }

    private static String readingToken() {
        return token(claims().claim("scope", "cowslip.read"), ISSUER);
    }

    @Test
    void wrongOnesAreToldToWait() throws InterruptedException {
        Response refused = flood(WRONG);
        problem(refused, 429, "too-many-requests")
                .header("Retry-After", equalTo("1"))
                .body("limit", equalTo("cowslip.limits.authentication-failures-per-second"))
                .body("detail", not(containsString(WRONG)));
        problem(flood("a.b.c-" + WRONG), 429, "too-many-requests").body("detail", not(containsString(WRONG)));
        // What they are told to do.
        Thread.sleep(Duration.ofSeconds(Long.parseLong(refused.header("Retry-After"))));
        problem(bearing(WRONG).get("/drives"), 401, "unauthenticated");
        assertThat(as(OPERATOR)
                        .get("/actuator/metrics/cowslip.limits.refused?tag=limit:authentication-failures-per-second")
                        .jsonPath()
                        .getDouble("measurements[0].value"))
                .isPositive();
    }

    /** A proxy's address is that of all who come through it. */
    @Test
    void goodOnesOfTheSameAddressAreNot() {
        String used = readingToken();
        // The floods of other tests may not be over.
        await().until(() -> bearing(used).get("/drives").statusCode() == 200);
        flood(WRONG);
        as(OPERATOR).get("/drives").then().statusCode(200);
        bearing(used).get("/drives").then().statusCode(200);
    }

    @Test
    void othersAreNot() throws IOException, InterruptedException {
        flood(WRONG);
        assertThat(statusFrom("127.0.0.2", key(OPERATOR))).isEqualTo(200);
        assertThat(statusFrom("127.0.0.2", readingToken())).isEqualTo(200);
        assertThat(statusFrom("127.0.0.2", WRONG)).isEqualTo(401);
    }

    private static int statusFrom(String address, String bearer) throws IOException, InterruptedException {
        try (HttpClient client = HttpClient.newBuilder()
                .localAddress(InetAddress.ofLiteral(address))
                .build()) {
            HttpRequest request = HttpRequest.newBuilder(
                            URI.create(RestAssured.baseURI + ":" + RestAssured.port + "/drives"))
                    .header("Authorization", "Bearer " + bearer)
                    .build();
            return client.send(request, HttpResponse.BodyHandlers.discarding()).statusCode();
        }
    }
}
