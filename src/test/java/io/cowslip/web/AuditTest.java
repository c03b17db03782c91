package io.cowslip.web;

import static org.assertj.core.api.Assertions.assertThat;

import ch.qos.logback.classic.Logger;
import ch.qos.logback.classic.spi.ILoggingEvent;
import ch.qos.logback.core.read.ListAppender;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.slf4j.LoggerFactory;

/** Who did what to which volume, and what came of it. */
class AuditTest extends SecuredService {
    private static final Logger AUDIT = (Logger) LoggerFactory.getLogger("cowslip.audit");

    private final ListAppender<ILoggingEvent> lines = new ListAppender<>();

    @BeforeEach
    void listen() {
        lines.start();
        AUDIT.addAppender(lines);
    }

    @AfterEach
    void stopListening() {
        AUDIT.detachAppender(lines);
    }

    private List<String> lines(String action) {
        return List.copyOf(lines.list).stream()
                .map(ILoggingEvent::getFormattedMessage)
                .filter(line -> line.contains(" action=" + action + " "))
                .toList();
    }

    @Test
    void whatIsDoneIsWrittenDown() {
        createAndOpen(TENANT_A, "audited", "tenants/a/audited.qcow2");
        assertThat(lines("create-volume"))
                .containsExactly(
                        "caller=\"tenant-a\" action=create-volume volume=\"tenants/a/audited.qcow2\" outcome=done");
        assertThat(lines("open-drive"))
                .containsExactly(
                        "caller=\"tenant-a\" action=open-drive drive=\"audited\" volume=\"tenants/a/audited.qcow2\""
                                + " mode=\"write\" outcome=done");
        json(TENANT_A, "{\"ops\": [\"read\"]}")
                .post("/drives/audited/tickets")
                .then()
                .statusCode(201);
        assertThat(lines("make-ticket"))
                .containsExactly(
                        "caller=\"tenant-a\" action=make-ticket drive=\"audited\" ops=\"[read]\" outcome=done");
        json(OPERATOR, "{\"virtual-size\": \"512K\", \"shrink\": true}")
                .patch("/drives/audited")
                .then()
                .statusCode(200);
        assertThat(lines("change-drive"))
                .singleElement()
                .asString()
                .contains("caller=\"operator\"", "drive=\"audited\"", "shrink", "outcome=done");
        as(TENANT_A).delete("/drives/audited").then().statusCode(204);
        assertThat(lines("close-drive"))
                .containsExactly("caller=\"tenant-a\" action=close-drive drive=\"audited\" outcome=done");
        as(TENANT_A).delete("/volumes/tenants/a/audited.qcow2").then().statusCode(204);
        assertThat(lines("delete-volume"))
                .containsExactly(
                        "caller=\"tenant-a\" action=delete-volume volume=\"tenants/a/audited.qcow2\" outcome=done");
    }

    @Test
    void whatIsRefusedIsWrittenDownToo() {
        as(TENANT_A).delete("/volumes/tenants/b/x.qcow2").then().statusCode(403);
        assertThat(lines("delete-volume"))
                .singleElement()
                .asString()
                .startsWith("caller=\"tenant-a\" action=delete-volume volume=\"tenants/b/x.qcow2\" reason=\"")
                .endsWith("outcome=refused");
    }

    @Test
    void aRepairIsWrittenDownAtItsBeginningAndItsEnd() {
        create(OPERATOR, "tenants/a/repaired.qcow2");
        String job = json(
                        TENANT_A, "{\"type\": \"check\", \"file\": \"tenants/a/repaired.qcow2\", \"repair\": \"all\"}")
                .post("/jobs")
                .jsonPath()
                .getString("id");
        assertThat(lines("start-job"))
                .containsExactly("caller=\"tenant-a\" action=start-job type=\"check\" file=\"tenants/a/repaired.qcow2\""
                        + " repair=\"all\" outcome=done");
        org.awaitility.Awaitility.await().until(() -> !lines("end-job").isEmpty());
        assertThat(lines("end-job"))
                .containsExactly(
                        "caller=\"tenant-a\" action=end-job type=\"check\" id=\"" + job + "\" outcome=completed");
    }

    @Test
    void aNameEndsNoLine() {
        json(OPERATOR, "{\"file\": \"a\\nb \\\"c\\\" \\u2028\"}").post("/drives");
        assertThat(lines("open-drive")).singleElement().asString().contains("volume=\"a\\u000ab \\\"c\\\" \\u2028\"");
    }
}
