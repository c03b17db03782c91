package io.cowslip.web;

import static io.cowslip.web.Problems.problem;
import static io.restassured.RestAssured.given;
import static org.hamcrest.Matchers.containsString;
import static org.hamcrest.Matchers.equalTo;
import static org.hamcrest.Matchers.not;

import com.nimbusds.jose.JOSEException;
import com.nimbusds.jose.JWSAlgorithm;
import com.nimbusds.jose.JWSHeader;
import com.nimbusds.jose.crypto.MACSigner;
import com.nimbusds.jwt.JWTClaimsSet;
import com.nimbusds.jwt.PlainJWT;
import com.nimbusds.jwt.SignedJWT;
import java.time.Instant;
import java.util.Date;
import java.util.List;
import org.junit.jupiter.api.Test;

/** Callers with tokens, and with keys, by what these say. */
class TokenContractTest extends SecuredService {

    private static void assertRefused(String token) {
        problem(bearing(token).get("/drives"), 401, "unauthenticated")
                .header("WWW-Authenticate", containsString("error=\"invalid_token\""))
                .body("detail", not(containsString(token.substring(0, 12))));
    }

    private static String reading() {
        return token(claims().claim("scope", "openid cowslip.read"), ISSUER);
    }

    @Test
    void aTokensScopesCount() {
        bearing(reading()).get("/drives").then().statusCode(200);
        bearing(token(claims().claim("scp", List.of("cowslip.read")), ISSUER))
                .get("/drives")
                .then()
                .statusCode(200);
        problem(bearing(reading()).delete("/drives/none"), 403, "forbidden")
                .header(
                        "WWW-Authenticate",
                        equalTo("Bearer realm=\"cowslip\", error=\"insufficient_scope\", scope=\"cowslip.manage\""))
                .body("detail", containsString("cowslip.manage"));
        problem(bearing(token(claims(), ISSUER)).get("/drives"), 403, "forbidden");
        problem(
                bearing(token(claims().claim("scope", "read cowslip.reader"), ISSUER))
                        .get("/drives"),
                403,
                "forbidden");
    }

    @Test
    void aTokenIsForThisServiceOfThisIssuerAndForNow() {
        JWTClaimsSet.Builder claims = claims().claim("scope", "cowslip.read");
        assertRefused(token(claims, newKeyPair()));
        assertRefused(token(claims().claim("scope", "cowslip.read").audience("another"), ISSUER));
        assertRefused(token(claims().claim("scope", "cowslip.read").audience((String) null), ISSUER));
        assertRefused(token(
                claims().claim("scope", "cowslip.read")
                        .expirationTime(Date.from(Instant.now().minusSeconds(600))),
                ISSUER));
        assertRefused(token(
                claims().claim("scope", "cowslip.read")
                        .notBeforeTime(Date.from(Instant.now().plusSeconds(600))),
                ISSUER));
    }

    @Test
    void aTokenThatIsNotSignedOrByThePublicKeyIsNone() throws JOSEException {
        assertRefused(new PlainJWT(claims().claim("scope", "cowslip.read").build()).serialize());
        SignedJWT symmetric = new SignedJWT(
                new JWSHeader(JWSAlgorithm.HS256),
                claims().claim("scope", "cowslip.read").build());
        symmetric.sign(new MACSigner(ISSUER.getPublic().getEncoded()));
        assertRefused(symmetric.serialize());
        String good = reading();
        assertRefused(good.substring(0, good.length() - 8) + "AAAAAAAA");
        assertRefused("a.b.c-long-enough");
    }

    @Test
    void keysAreNoPasswordsAndNoQuery() {
        given().auth()
                .preemptive()
                .basic(OPERATOR, key(OPERATOR))
                .get("/drives")
                .then()
                .statusCode(401);
        given().queryParam("access_token", key(OPERATOR)).get("/drives").then().statusCode(401);
        given().header("X-API-Key", key(OPERATOR)).get("/drives").then().statusCode(401);
        as(OPERATOR).get("/drives").then().statusCode(200);
    }

    @Test
    void aTicketNeedsWhatItAllows() {
        createAndOpen(OPERATOR, "ticketed", "tenants/a/ticketed.qcow2");
        String tickets = "/drives/ticketed/tickets";
        problem(json("read", "{\"ops\": [\"write\"]}").post(tickets), 403, "forbidden")
                .body("detail", containsString("cowslip.write"));
        problem(json("write", "{\"ops\": [\"read\", \"write\"]}").post(tickets), 403, "forbidden");
        problem(json("manage", "{\"ops\": [\"read\"]}").post(tickets), 403, "forbidden");
        String url = json("read", "{\"ops\": [\"read\"]}")
                .post(tickets)
                .then()
                .statusCode(201)
                .extract()
                .path("transfer-url");
        given().get(url).then().statusCode(200);
        bearing("nobody-has-this").get(url).then().statusCode(200);
        given().body(new byte[512])
                .contentType("application/octet-stream")
                .put(url)
                .then()
                .statusCode(403);
        String id = as("read").get(tickets).then().extract().path("[0].id");
        problem(as("write").delete(tickets + "/" + id), 403, "forbidden");
        as("read").delete(tickets + "/" + id).then().statusCode(204);
        given().get(url).then().statusCode(403);
    }

    @Test
    void aJobNeedsWhatItDoes() {
        create(OPERATOR, "tenants/a/job.qcow2");
        create(OPERATOR, "tenants/a/other.qcow2");
        String check = "{\"type\": \"check\", \"file\": \"tenants/a/job.qcow2\"%s}";
        problem(json("read", check.formatted(", \"repair\": \"all\"")).post("/jobs"), 403, "forbidden");
        problem(json("manage", check.formatted("")).post("/jobs"), 403, "forbidden");
        json("read", check.formatted("")).post("/jobs").then().statusCode(202);
        json("manage", "{\"type\": \"check\", \"file\": \"tenants/a/other.qcow2\", \"repair\": \"all\"}")
                .post("/jobs")
                .then()
                .statusCode(202);
        problem(
                json("read", "{\"type\": \"compact\", \"file\": \"tenants/a/job.qcow2\"}")
                        .post("/jobs"),
                403,
                "forbidden");
    }

    @Test
    void healthTellsItsComponentsToThoseWhoMayMonitor() {
        given().get("/actuator/health").then().statusCode(200).body("components", equalTo(null));
        given().get("/actuator/health/readiness").then().statusCode(200).body("components", equalTo(null));
        given().get("/actuator/health/db").then().statusCode(404);
        as("read").get("/actuator/health").then().statusCode(200).body("components", equalTo(null));
        as(TENANT_A).get("/actuator/health").then().statusCode(200).body("components", equalTo(null));
        as("monitor").get("/actuator/health").then().statusCode(200).body("components.db.status", equalTo("UP"));
    }
}
