package io.cowslip.web;

import static io.cowslip.web.Problems.problem;
import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;
import static org.hamcrest.Matchers.contains;
import static org.hamcrest.Matchers.containsString;
import static org.hamcrest.Matchers.empty;
import static org.hamcrest.Matchers.hasItem;
import static org.hamcrest.Matchers.not;

import io.restassured.response.Response;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Callers who may reach the volumes of some folders alone: two tenants and an operator of one service. */
class PrefixContractTest extends SecuredService {
    private static final String MINE = "tenants/a/disk.qcow2";
    private static final String OTHERS = "tenants/b/disk.qcow2";

    @BeforeEach
    void volumes() {
        create(TENANT_A, MINE);
        create(TENANT_B, OTHERS);
    }

    private static String file(String volume) {
        return "{\"file\": \"" + volume + "\"}";
    }

    /** Refused by the name alone: what is there and what is not are told apart by nothing. */
    private static void assertBeyond(Response response) {
        problem(response, 403, "forbidden-path").body("detail", containsString("tenants/a/"));
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                OTHERS,
                "tenants/b/none.qcow2",
                "disk.qcow2",
                "tenants/ab/disk.qcow2",
                "tenants/a",
                "tenants/shared/x"
            })
    void volumesOfOthersAreBeyondReachByTheirNames(String name) {
        assertBeyond(as(TENANT_A).get("/volumes/" + name));
        assertBeyond(json(TENANT_A, "{\"virtual-size\": \"1M\"}").put("/volumes/" + name));
        assertBeyond(json(TENANT_A, "{\"lazy-refcounts\": true}").patch("/volumes/" + name));
        assertBeyond(as(TENANT_A).delete("/volumes/" + name));
        assertBeyond(as(TENANT_A).get("/files/" + name));
        assertBeyond(as(TENANT_A).get("/files/" + name + "?format=raw"));
        assertBeyond(octets(TENANT_A, new byte[512]).put("/files/" + name + "?format=raw"));
        assertBeyond(json(TENANT_A, file(name)).post("/drives"));
        assertThat(as(TENANT_A).head("/files/" + name).statusCode()).isEqualTo(403);
        as(TENANT_A).delete("/files/" + name).then().statusCode(404);
    }

    @Test
    void ownVolumesAreWithinReach() {
        as(TENANT_A).get("/volumes/" + MINE).then().statusCode(200);
        as(TENANT_A).get("/files/" + MINE).then().statusCode(200);
        json(TENANT_A, "{\"lazy-refcounts\": true}")
                .patch("/volumes/" + MINE)
                .then()
                .statusCode(200);
        create(TENANT_B, "tenants/shared/disk.qcow2");
        as(TENANT_B).get("/volumes/tenants/shared/disk.qcow2").then().statusCode(200);
        as(TENANT_A).delete("/volumes/" + MINE).then().statusCode(204);
    }

    @Test
    void listsHaveWhatIsWithinReach() {
        as(TENANT_A).get("/volumes").then().body("name", hasItem(MINE)).body("name", not(hasItem(OTHERS)));
        as(TENANT_A).get("/volumes?prefix=tenants/b/").then().body("", empty());
        as(TENANT_B).get("/volumes?limit=1").then().body("name", contains(OTHERS));
        as(OPERATOR).get("/volumes").then().body("name", hasItem(MINE)).body("name", hasItem(OTHERS));
    }

    @Test
    void drivesOfOthersAreNotThere() {
        json(TENANT_B, "{\"id\": \"theirs\", \"file\": \"" + OTHERS + "\"}")
                .post("/drives")
                .then()
                .statusCode(201);
        json(TENANT_A, "{\"id\": \"mine\", \"file\": \"" + MINE + "\"}")
                .post("/drives")
                .then()
                .statusCode(201);

        as(TENANT_A).get("/drives").then().body("id", contains("mine"));
        as(OPERATOR).get("/drives").then().body("id", contains("mine", "theirs"));
        for (String path : List.of(
                "",
                "/data",
                "/data/extents",
                "/data/checksum",
                "/image",
                "/snapshots",
                "/bitmaps",
                "/key-slots",
                "/tickets",
                "/tickets/x")) {
            problem(as(TENANT_A).get("/drives/theirs" + path), 404, "no-such-drive");
        }
        problem(as(TENANT_A).delete("/drives/theirs"), 404, "no-such-drive");
        problem(as(TENANT_A).post("/drives/theirs/reopen"), 404, "no-such-drive");
        problem(json(TENANT_A, "{\"cache-clean-interval\": 1}").patch("/drives/theirs"), 404, "no-such-drive");
        problem(octets(TENANT_A, new byte[512]).put("/drives/theirs/data"), 404, "no-such-drive");
        problem(json(TENANT_A, "{\"op\": \"flush\"}").patch("/drives/theirs/data"), 404, "no-such-drive");
        problem(json(TENANT_A, "{\"ops\": [\"read\"]}").post("/drives/theirs/tickets"), 404, "no-such-drive");
        problem(json(TENANT_A, "{\"name\": \"s\"}").post("/drives/theirs/snapshots"), 404, "no-such-drive");
        as(TENANT_B).get("/drives/theirs/data").then().statusCode(200);
        as(TENANT_A).get("/drives/mine/data").then().statusCode(200);
    }

    @Test
    void ticketsOfOthersAreNotThere() {
        json(TENANT_B, "{\"id\": \"theirs\", \"file\": \"" + OTHERS + "\"}")
                .post("/drives")
                .then()
                .statusCode(201);
        Response ticket = json(TENANT_B, "{\"ops\": [\"read\"]}").post("/drives/theirs/tickets");
        String place = ticket.header("Location");
        problem(as(TENANT_A).get(place), 404, "no-such-drive");
        problem(json(TENANT_A, "{\"timeout\": 9}").patch(place), 404, "no-such-drive");
        problem(as(TENANT_A).delete(place), 404, "no-such-drive");
        as(TENANT_A).get(ticket.jsonPath().getString("transfer-url")).then().statusCode(200);
        as(TENANT_B).delete(place).then().statusCode(204);
    }

    @Test
    void aChainDoesNotLeaveThePrefix() {
        create(OPERATOR, "base.qcow2");
        String overlay = "{\"backing-file\": \"%s\", \"backing-format\": \"qcow2\"}";
        problem(
                json(TENANT_A, overlay.formatted("../../base.qcow2")).put("/volumes/tenants/a/on-base.qcow2"),
                403,
                "forbidden-path");
        problem(
                json(TENANT_A, overlay.formatted("../b/disk.qcow2")).put("/volumes/tenants/a/on-b.qcow2"),
                403,
                "forbidden-path");
        assertBeyond(json(TENANT_A, "{\"clone-of\": \"" + OTHERS + "\"}").put("/volumes/tenants/a/clone.qcow2"));
        problem(
                json(TENANT_A, "{\"virtual-size\": \"1M\", \"data-file\": \"../b/split.data\"}")
                        .put("/volumes/tenants/a/split.qcow2"),
                403,
                "forbidden-path");

        json(OPERATOR, overlay.formatted("../../base.qcow2"))
                .put("/volumes/tenants/a/given.qcow2")
                .then()
                .statusCode(201);
        problem(as(TENANT_A).get("/volumes/tenants/a/given.qcow2"), 403, "forbidden-path");
        problem(json(TENANT_A, file("tenants/a/given.qcow2")).post("/drives"), 403, "forbidden-path");
        json(OPERATOR, "{\"id\": \"given\", \"file\": \"tenants/a/given.qcow2\"}")
                .post("/drives")
                .then()
                .statusCode(201);
        as(TENANT_A).get("/drives/given/data").then().statusCode(200);
        as(OPERATOR).delete("/drives/given");
        as(OPERATOR).delete("/volumes/tenants/a/given.qcow2").then().statusCode(204);
    }

    @Test
    void aLinkDoesNotLeaveThePrefix() throws IOException {
        Path link = ROOT.resolve("tenants/a/link.qcow2");
        Files.deleteIfExists(link);
        Files.createSymbolicLink(link, ROOT.resolve(OTHERS));
        problem(as(TENANT_A).get("/volumes/tenants/a/link.qcow2"), 403, "forbidden-path");
        problem(as(TENANT_A).get("/files/tenants/a/link.qcow2"), 403, "forbidden-path");
        problem(json(TENANT_A, file("tenants/a/link.qcow2")).post("/drives"), 403, "forbidden-path");
        Path folder = ROOT.resolve("tenants/a/folder");
        Files.deleteIfExists(folder);
        Files.createSymbolicLink(folder, ROOT.resolve("tenants/b"));
        problem(
                json(TENANT_A, "{\"virtual-size\": \"1M\"}").put("/volumes/tenants/a/folder/new.qcow2"),
                403,
                "forbidden-path");
        assertThat(ROOT.resolve("tenants/b/new.qcow2")).doesNotExist();
        Files.delete(link);
        Files.delete(folder);
    }

    @Test
    void whatOthersNeedIsNotDeletedAndTheyAreNotNamed() {
        json(OPERATOR, "{\"clone-of\": \"" + MINE + "\"}")
                .put("/volumes/tenants/b/on-a.qcow2")
                .then()
                .statusCode(201);
        problem(as(TENANT_A).delete("/volumes/" + MINE), 409, "in-use").body("detail", not(containsString("on-a")));
        as(TENANT_A)
                .get("/volumes/" + MINE + "?dependents=y")
                .then()
                .statusCode(200)
                .body("[0].dependents", contains(containsString("cannot reach")));
        problem(json(TENANT_A, file(MINE)).post("/drives"), 409, "in-use").body("detail", not(containsString("on-a")));
        as(OPERATOR).delete("/volumes/tenants/b/on-a.qcow2").then().statusCode(204);
    }

    private static String started(String caller, String job) {
        return json(caller, job).post("/jobs").then().statusCode(202).extract().header("Location");
    }

    private static String ended(String caller, String job) {
        await().until(() -> !List.of("queued", "running")
                .contains(as(caller).get(job).jsonPath().getString("state")));
        return as(caller).get(job).jsonPath().getString("state");
    }

    @Test
    void jobsReachNoFurtherThanWhoStartsThem() {
        String from = "{\"type\": \"convert\", \"file\": \"%s\", \"target\": {\"file\": \"%s\"}}";
        assertBeyond(
                json(TENANT_A, from.formatted(OTHERS, "tenants/a/stolen.qcow2")).post("/jobs"));
        assertBeyond(
                json(TENANT_A, from.formatted(MINE, "tenants/b/planted.qcow2")).post("/jobs"));
        assertBeyond(json(TENANT_A, "{\"type\": \"check\", \"file\": \"" + OTHERS + "\"}")
                .post("/jobs"));
        assertBeyond(json(
                        TENANT_A,
                        "{\"type\": \"compare\", \"file\": \"" + MINE + "\", \"other\": {\"file\": \"" + OTHERS
                                + "\"}}")
                .post("/jobs"));
        assertBeyond(json(TENANT_A, "{\"type\": \"resize\", \"file\": \"" + OTHERS + "\", \"virtual-size\": \"2M\"}")
                .post("/jobs"));
        problem(
                json(
                                TENANT_A,
                                "{\"type\": \"rebase\", \"file\": \"" + MINE
                                        + "\", \"backing-file\": \"../b/disk.qcow2\", \"backing-format\": \"qcow2\"}")
                        .post("/jobs"),
                403,
                "forbidden-path");
        json(TENANT_B, "{\"id\": \"theirs\", \"file\": \"" + OTHERS + "\"}")
                .post("/drives")
                .then()
                .statusCode(201);
        problem(json(TENANT_A, "{\"type\": \"check\", \"drive\": \"theirs\"}").post("/jobs"), 404, "no-such-drive");
        as(OPERATOR).delete("/volumes/tenants/a/copy.qcow2");
        String copy = started(TENANT_A, from.formatted(MINE, "tenants/a/copy.qcow2"));
        assertThat(ended(TENANT_A, copy)).isEqualTo("completed");
    }

    @Test
    void jobsOfOthersAreNotThere() {
        String check = "{\"type\": \"check\", \"file\": \"%s\"}";
        String theirs = started(TENANT_B, check.formatted(OTHERS));
        String operators = started(OPERATOR, check.formatted(MINE));
        String mine = started(TENANT_A, check.formatted(MINE));
        for (String job : List.of(theirs, operators)) {
            problem(as(TENANT_A).get(job), 404, "no-such-job");
            problem(as(TENANT_A).get(job + "/events"), 404, "no-such-job");
            problem(as(TENANT_A).delete(job), 404, "no-such-job");
            problem(as(TENANT_A).post(job + "/restart"), 404, "no-such-job");
        }
        as(TENANT_A)
                .get("/jobs")
                .then()
                .body("id", hasItem(mine.substring(6)))
                .body("id", not(hasItem(theirs.substring(6))));
        as(OPERATOR).get(theirs).then().statusCode(200);
        assertThat(ended(TENANT_B, theirs)).isEqualTo("completed");
        assertThat(ended(TENANT_A, mine)).isEqualTo("completed");
        as(OPERATOR).post(theirs + "/restart").then().statusCode(202);
        as(TENANT_B).get(theirs).then().statusCode(200);
        as(TENANT_A).get(mine + "/events").then().statusCode(200).body(containsString("completed"));
    }

    @Test
    void anIdempotencyKeyIsItsCallersOwn() {
        String check = "{\"type\": \"check\", \"file\": \"%s\"}";
        String theirs = json(TENANT_B, check.formatted(OTHERS))
                .header("Idempotency-Key", "k")
                .post("/jobs")
                .jsonPath()
                .getString("id");
        String mine = json(TENANT_A, check.formatted(MINE))
                .header("Idempotency-Key", "k")
                .post("/jobs")
                .then()
                .statusCode(202)
                .extract()
                .path("id");
        assertThat(mine).isNotEqualTo(theirs);
    }

    @Test
    void uploadsOfOthersAreNotThere() {
        octets(TENANT_B, new byte[512])
                .header("Upload-Complete", "?0")
                .put("/files/tenants/b/part.raw?format=raw")
                .then()
                .statusCode(201);
        as(TENANT_A).get("/uploads").then().body("", empty());
        as(TENANT_B).get("/uploads").then().body("name", contains("tenants/b/part.raw"));
        problem(
                as(TENANT_A)
                        .contentType("application/partial-upload")
                        .header("Upload-Offset", "512")
                        .header("Upload-Complete", "?1")
                        .body(new byte[512])
                        .patch("/files/tenants/b/part.raw?format=raw"),
                404,
                "not-found");
        problem(as(TENANT_A).delete("/files/tenants/b/part.raw"), 404, "not-found");
        problem(
                json(
                                TENANT_A,
                                "{\"type\": \"import\", \"upload\": \"tenants/b/part.raw\", \"format\": \"raw\","
                                        + " \"target\": {\"file\": \"tenants/a/got.qcow2\"}}")
                        .post("/jobs"),
                404,
                "not-found");
        as(TENANT_B).delete("/files/tenants/b/part.raw").then().statusCode(204);
    }

    @Test
    void theSecretsFolderIsNotForTenants() {
        problem(
                        json(TENANT_A, "{\"file\": \"" + MINE + "\", \"encrypt\": {\"key-secret-file\": \"key\"}}")
                                .post("/drives"),
                        403,
                        "forbidden-path")
                .body("detail", containsString("key-secret-file"));
    }

    @Test
    void aTokenThatMustSayItsFoldersAndDoesNotReachesNothing() {
        create(OPERATOR, "tenants/a/token.qcow2");
        String token = token(claims().claim("scope", "cowslip.read"), ISSUER);
        bearing(token).get("/volumes/tenants/a/token.qcow2").then().statusCode(200);
        String without = token(claims().claim("scope", "cowslip.read").claim("folders", null), ISSUER);
        problem(bearing(without).get("/volumes/tenants/a/token.qcow2"), 403, "forbidden-path");
        problem(
                bearing(token(claims().claim("scope", "cowslip.read").claim("folders", List.of("../b")), ISSUER))
                        .get("/drives"),
                401,
                "unauthenticated");
    }
}
