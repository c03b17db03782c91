package io.cowslip.web;

import static io.restassured.RestAssured.given;
import static org.assertj.core.api.Assertions.assertThat;

import ch.qos.logback.classic.Level;
import ch.qos.logback.classic.Logger;
import ch.qos.logback.classic.spi.ILoggingEvent;
import ch.qos.logback.classic.spi.IThrowableProxy;
import ch.qos.logback.core.AppenderBase;
import io.restassured.response.Response;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.slf4j.LoggerFactory;

/** What is secret stands in no log, at DEBUG neither, in no problem, in no access log and in no metric. */
class SecretsTest extends SecuredService {
    private static final String PASSPHRASE = "correct-horse-8f1e";
    private static final String OTHER_PASSPHRASE = "battery-staple-77aa";
    private static final String WRONG_PASSPHRASE = "wrong-donkey-1c2d";
    private static final String WRONG_KEY = "5d41402abc4b2a76b9719d911017c592ae2d3f";

    /** All that is logged, with the messages of failures. */
    private static final class Memory extends AppenderBase<ILoggingEvent> {
        private final StringBuffer text = new StringBuffer();

        @Override
        protected void append(ILoggingEvent event) {
            text.append(event.getLoggerName())
                    .append(' ')
                    .append(event.getFormattedMessage())
                    .append('\n');
            for (IThrowableProxy cause = event.getThrowableProxy(); cause != null; cause = cause.getCause()) {
                text.append(cause.getMessage()).append('\n');
            }
        }
    }

    private final Memory log = new Memory();
    private final Map<String, String> secrets = new TreeMap<>();
    private final List<String> problems = new ArrayList<>();

    @BeforeEach
    void listen() {
        Logger root = (Logger) LoggerFactory.getLogger(org.slf4j.Logger.ROOT_LOGGER_NAME);
        log.setContext(root.getLoggerContext());
        log.start();
        root.addAppender(log);
        root.setLevel(Level.DEBUG);
        // What the tests' own client and tools say is no log of the service.
        ((Logger) LoggerFactory.getLogger("org.apache.http")).setLevel(Level.INFO);
        ((Logger) LoggerFactory.getLogger("groovy")).setLevel(Level.INFO);
    }

    @AfterEach
    void stopListening() {
        Logger root = (Logger) LoggerFactory.getLogger(org.slf4j.Logger.ROOT_LOGGER_NAME);
        root.setLevel(Level.INFO);
        root.detachAppender(log);
    }

    private Response note(Response response) {
        if (response.statusCode() >= 400) {
            problems.add(response.asString());
        }
        return response;
    }

    @Test
    void nothingSecretIsToldToAnybodyElse() throws IOException {
        CALLERS.forEach(caller -> secrets.put("key of " + caller, key(caller)));
        secrets.put("passphrase", PASSPHRASE);
        secrets.put("other passphrase", OTHER_PASSPHRASE);
        secrets.put("wrong passphrase", WRONG_PASSPHRASE);
        secrets.put("wrong key", WRONG_KEY);

        keysAndTokens();
        passphrases();
        tickets();

        assertThat(problems).hasSizeGreaterThan(25);
        String metrics = as("monitor").get("/actuator/prometheus").asString();
        as("monitor").get("/actuator/metrics/http.server.requests").then().statusCode(200);
        String accessLog = accessLog();
        assertThat(metrics).contains("/images/{ticket}");
        assertThat(accessLog).contains("PUT /volumes/tenants/a/secret.qcow2").contains("GET /images/{ticket}");
        assertThat(log.text).contains("cowslip.audit").contains("was refused");
        secrets.forEach((name, secret) -> {
            assertThat(log.text.toString().lines().filter(line -> line.contains(secret)))
                    .as("lines of the log with the %s", name)
                    .isEmpty();
            assertThat(problems.stream().filter(problem -> problem.contains(secret)))
                    .as("problems with the %s", name)
                    .isEmpty();
            assertThat(accessLog.lines().filter(line -> line.contains(secret)))
                    .as("lines of the access log with the %s", name)
                    .isEmpty();
            assertThat(metrics.lines().filter(line -> line.contains(secret)))
                    .as("metrics with the %s", name)
                    .isEmpty();
        });
    }

    private void keysAndTokens() {
        for (String caller : CALLERS) {
            note(as(caller).get("/drives"));
            note(as(caller).get("/actuator/metrics"));
            note(json(caller, "{\"file\": \"none.qcow2\"}").post("/drives"));
            note(as(caller).post("/nothing"));
        }
        note(bearing(WRONG_KEY).get("/drives"));
        note(given().queryParam("access_token", key(OPERATOR)).get("/drives"));
        note(given().urlEncodingEnabled(false).get("/drives?access%5Ftoken=" + key(OPERATOR)));
        note(bearing(WRONG_KEY + " " + key(OPERATOR)).get("/drives"));
        note(given().header("Authorization", "Bearer" + key(OPERATOR)).get("/drives"));
        String good = token(claims().claim("scope", "cowslip.read"), ISSUER);
        String bad = token(claims().claim("scope", "cowslip.read"), newKeyPair());
        String noFolders = token(claims().claim("scope", "cowslip.read").claim("folders", List.of("/etc")), ISSUER);
        Stream.of(good, bad, noFolders).forEach(token -> {
            // The header is the same for all tokens of a kind.
            secrets.put("claims of token " + secrets.size(), token.split("\\.")[1]);
            secrets.put("signature of token " + secrets.size(), token.split("\\.")[2]);
            note(bearing(token).get("/drives"));
            note(bearing(token).delete("/drives/x"));
        });
        note(bearing(good.substring(0, good.length() - 10)).get("/drives"));
        note(bearing("x" + good).get("/drives"));
    }

    private void passphrases() {
        String encrypt =
                "{\"encrypt\": {\"format\": \"luks\", \"key-secret\": \"%s\", \"iter-time\": 10}, \"virtual-size\": \"1M\"}";
        as(OPERATOR).delete("/volumes/tenants/a/secret.qcow2");
        json(OPERATOR, encrypt.formatted(PASSPHRASE))
                .put("/volumes/tenants/a/secret.qcow2")
                .then()
                .statusCode(201);
        note(json(OPERATOR, encrypt.formatted(PASSPHRASE)).put("/volumes/tenants/a/secret.qcow2"));
        note(json(OPERATOR, encrypt.formatted(PASSPHRASE) + "x").put("/volumes/tenants/a/secret2.qcow2"));
        note(json(OPERATOR, "{\"encrypt\": {\"key-secret\": [\"" + PASSPHRASE + "\"]}}")
                .put("/volumes/s3.qcow2"));
        note(json(OPERATOR, "{\"encrypt\": {\"key-secret\": \"" + PASSPHRASE + "\", \"key\": 1}}")
                .put("/volumes/s3.qcow2"));
        note(json(OPERATOR, "{\"encrypt\": {\"key-secret\": \"" + PASSPHRASE).put("/volumes/s3.qcow2"));
        String open =
                "{\"id\": \"secret\", \"file\": \"tenants/a/secret.qcow2\", \"encrypt\": {\"key-secret\": \"%s\"}}";
        note(json(OPERATOR, open.formatted(WRONG_PASSPHRASE)).post("/drives"));
        note(json(TENANT_B, open.formatted(PASSPHRASE)).post("/drives"));
        json(OPERATOR, open.formatted(PASSPHRASE)).post("/drives").then().statusCode(201);
        String slot = "{\"key-secret\": \"%s\", \"new-secret\": \"" + OTHER_PASSPHRASE + "\", \"iter-time\": 10}";
        json(OPERATOR, slot.formatted(PASSPHRASE))
                .post("/drives/secret/key-slots")
                .then()
                .statusCode(201);
        note(json(OPERATOR, slot.formatted(WRONG_PASSPHRASE)).post("/drives/secret/key-slots"));
        as(OPERATOR).delete("/drives/secret").then().statusCode(204);
        String convert =
                "{\"type\": \"convert\", \"file\": \"tenants/a/secret.qcow2\", \"options\": {\"encrypt\": {\"key-secret\": \"%s\"}},"
                        + " \"target\": {\"file\": \"%s\", \"encrypt\": {\"format\": \"luks\", \"key-secret\": \""
                        + OTHER_PASSPHRASE + "\", \"iter-time\": 10}}}";
        note(json(OPERATOR, convert.formatted(WRONG_PASSPHRASE, "tenants/a/c1.qcow2"))
                .post("/jobs"));
        note(json(OPERATOR, convert.formatted(PASSPHRASE, "tenants/a/secret.qcow2"))
                .post("/jobs"));
        note(json(OPERATOR, convert.formatted(PASSPHRASE, "tenants/a/c2.qcow2").replace("options", "optoins"))
                .post("/jobs"));
        note(as(OPERATOR).get("/jobs"));
    }

    private void tickets() {
        createAndOpen(OPERATOR, "handed", "tenants/a/handed.qcow2");
        Response issued = json(OPERATOR, "{\"ops\": [\"read\", \"write\"]}").post("/drives/handed/tickets");
        String ticket = issued.jsonPath().getString("ticket");
        String url = issued.jsonPath().getString("transfer-url");
        secrets.put("ticket", ticket);
        given().get(url).then().statusCode(200);
        given().header("Referer", "http://localhost" + url)
                .get(url + "/extents")
                .then()
                .statusCode(200);
        given().get(url + "/checksum").then().statusCode(200);
        given().options(url).then().statusCode(200);
        note(given().header("Range", "bytes=99999999-").get(url));
        note(given().get(url + "?unknown=1"));
        note(given().get(url + "/nothing"));
        note(as(OPERATOR).get(url + "/nothing"));
        note(given().post(url));
        note(given().contentType("application/json").body("{").patch(url));
        note(given().get(url + "/extents?limit=no"));
        note(given().get(url.replace("/images", "//images")));
        note(given().urlEncodingEnabled(false).get("/%69mages/" + ticket));
        as(OPERATOR).get("/drives/handed/tickets/" + ticket).then().statusCode(200);
        note(as(TENANT_B).get("/drives/handed/tickets/" + ticket));
        note(as(OPERATOR).get("/drives/none/tickets/" + ticket));
        note(as(OPERATOR).put("/drives/handed/tickets/" + ticket));
        as(OPERATOR).delete("/drives/handed/tickets/" + ticket).then().statusCode(204);
        note(given().get(url));
        note(as(OPERATOR).delete("/drives/handed/tickets/" + ticket));
    }

    private static String accessLog() throws IOException {
        try (Stream<Path> files = Files.list(ACCESS_LOG)) {
            StringBuilder text = new StringBuilder();
            files.forEach(file -> {
                try {
                    text.append(Files.readString(file));
                } catch (IOException e) {
                    throw new UncheckedIOException(e);
                }
            });
            return text.toString();
        }
    }
}
