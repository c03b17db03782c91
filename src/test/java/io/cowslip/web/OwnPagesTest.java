package io.cowslip.web;

import static io.cowslip.web.Problems.problem;
import static io.restassured.RestAssured.given;
import static org.hamcrest.Matchers.containsString;

import io.restassured.specification.RequestSpecification;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.springframework.test.context.TestPropertySource;

/** A service on loopback that asks nobody who they are, and what browsers may be made to send it. */
@TestPropertySource(properties = "cowslip.security.allowed-hosts=disks.example.org")
class OwnPagesTest extends RunningService {

    @BeforeEach
    void volume() {
        createAndOpen("pages", "pages/disk.qcow2", "1M");
    }

    /** The kind of request that browsers send for any page without asking first: a form's. */
    private static RequestSpecification form() {
        return given().contentType("text/plain").body("x=1");
    }

    @ParameterizedTest
    @ValueSource(
            strings = {"evil.example", "evil.example:8080", "127.0.0.1.evil.example", "localhost.evil.example", "[::2]"
            })
    void anotherNameThanThisMachinesIsRefused(String host) {
        problem(given().header("Host", host).get("/drives"), 403, "cross-site").body("detail", containsString(host));
        problem(given().header("Host", host).get("/drives/pages/data"), 403, "cross-site");
        problem(given().header("Host", host).get("/actuator/health"), 403, "cross-site");
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "localhost",
                "LOCALHOST:1",
                "127.0.0.1",
                "127.9.9.9:80",
                "[::1]",
                "[::1]:8080",
                "disks.example.org"
            })
    void thisMachinesNamesAndThoseAllowedAreTaken(String host) {
        given().header("Host", host).get("/drives").then().statusCode(200);
    }

    @ParameterizedTest
    @ValueSource(strings = {"https://evil.example", "null", "http://localhost:1", "http://127.0.0.1"})
    void pagesOfOthersChangeNothing(String origin) {
        problem(form().header("Origin", origin).post("/drives/pages/reopen"), 403, "cross-site")
                .body("detail", containsString(origin));
        problem(given().header("Origin", origin).delete("/drives/pages"), 403, "cross-site");
        problem(octets(new byte[512]).header("Origin", origin).put("/drives/pages/data"), 403, "cross-site");
        given().header("Origin", origin).get("/drives/pages").then().statusCode(200);
    }

    @ParameterizedTest
    @ValueSource(strings = {"cross-site", "same-site"})
    void whatABrowserSaysIsFromElsewhereChangesNothing(String site) {
        problem(form().header("Sec-Fetch-Site", site).post("/drives/pages/reopen"), 403, "cross-site");
    }

    @Test
    void ownPagesAndWhatIsNoBrowserMay() {
        String own = "http://127.0.0.1:" + port();
        given().header("Origin", own)
                .header("Sec-Fetch-Site", "same-origin")
                .post("/drives/pages/reopen")
                .then()
                .statusCode(200);
        given().header("Sec-Fetch-Site", "none")
                .post("/drives/pages/reopen")
                .then()
                .statusCode(200);
        given().post("/drives/pages/reopen").then().statusCode(200);
    }
}
