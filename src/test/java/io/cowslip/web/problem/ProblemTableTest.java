package io.cowslip.web.problem;

import static org.assertj.core.api.Assertions.assertThat;

import io.cowslip.drive.DriveException;
import io.cowslip.drive.DriveException.Reason;
import io.cowslip.engine.ImageException;
import io.cowslip.engine.ImageException.Kind;
import io.cowslip.job.JobException;
import io.cowslip.ticket.TicketException;
import java.io.UncheckedIOException;
import java.nio.file.NoSuchFileException;
import java.util.Arrays;
import java.util.stream.Collectors;
import org.apache.catalina.connector.ClientAbortException;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;

class ProblemTableTest {

    @ParameterizedTest
    @CsvSource({
        "IO,500,host-io",
        "INVALID_FORMAT,422,invalid-image",
        "UNSUPPORTED_FEATURE,422,unsupported-feature",
        "CORRUPT,500,corrupt-image",
        "INVALID_OPTION,400,invalid-option",
        "OUT_OF_RANGE,416,range-not-satisfiable",
        "NO_SPACE,507,insufficient-storage",
        "READ_ONLY,403,read-only",
        "BUSY,409,busy",
        "NOT_FOUND,404,not-found",
        "ALREADY_EXISTS,409,already-exists",
        "FORBIDDEN,403,forbidden-path",
        "KEY_REFUSED,403,key-refused"
    })
    void kindsOfTheEngine(Kind kind, int status, String type) {
        Refusal problem = ApiProblems.problem(ImageException.of(kind, "what it was"), String::valueOf);
        assertThat(problem.type().status().value()).isEqualTo(status);
        assertThat(problem.type().uri()).hasToString("/problems/" + type);
        assertThat(problem).hasMessage("what it was");
    }

    @ParameterizedTest
    @CsvSource({
        "NO_SUCH_DRIVE,404,no-such-drive",
        "ID_TAKEN,409,id-taken",
        "IN_USE,409,in-use",
        "CLOSING,409,busy",
        "UNAVAILABLE,503,unavailable",
        "LIMIT_REACHED,503,limit-reached",
        "NO_SUCH_UPLOAD,404,not-found",
        "TOO_LARGE,413,body-too-large",
        "DIGEST_MISMATCH,400,digest-mismatch"
    })
    void reasonsOfDrives(Reason reason, int status, String type) {
        Refusal problem = ApiProblems.problem(new DriveException(reason, "why"), String::valueOf);
        assertThat(problem.type().status().value()).isEqualTo(status);
        assertThat(problem.type().uri()).hasToString("/problems/" + type);
    }

    @ParameterizedTest
    @CsvSource({
        "NO_SUCH_JOB,404,no-such-job",
        "CANNOT_RESTART,409,cannot-restart",
        "INTERRUPTED,503,interrupted",
        "ID_TAKEN,409,id-taken",
        "LIMIT_REACHED,503,limit-reached",
        "UNAVAILABLE,503,unavailable"
    })
    void reasonsOfJobs(JobException.Reason reason, int status, String type) {
        Refusal problem = ApiProblems.problem(new JobException(reason, "why"), String::valueOf);
        assertThat(problem.type().status().value()).isEqualTo(status);
        assertThat(problem.type().uri()).hasToString("/problems/" + type);
    }

    @ParameterizedTest
    @CsvSource({
        "REFUSED,403,ticket-refused",
        "NO_SUCH_TICKET,404,no-such-ticket",
        "IN_USE,409,ticket-in-use",
        "LIMIT_REACHED,503,limit-reached",
        "UNAVAILABLE,503,unavailable"
    })
    void reasonsOfTickets(TicketException.Reason reason, int status, String type) {
        Refusal problem = ApiProblems.problem(new TicketException(reason, "why"), String::valueOf);
        assertThat(problem.type().status().value()).isEqualTo(status);
        assertThat(problem.type().uri()).hasToString("/problems/" + type);
    }

    @Test
    void theOptionIsNamed() {
        Refusal problem =
                ApiProblems.problem(ImageException.invalidOption("cache-size", "cache-size is 1"), String::valueOf);
        assertThat(problem.option()).isEqualTo("cache-size");
    }

    @Test
    void filesAreShownAsTheRootNamesThem() {
        Refusal problem = ApiProblems.problem(
                ImageException.of(Kind.BUSY, java.nio.file.Path.of("/srv/images/a.qcow2"), "is locked"),
                path -> "a.qcow2");
        assertThat(problem).hasMessage("a.qcow2: is locked");
    }

    @Test
    void whatNobodyExpectedTellsNothing() {
        Refusal problem = ApiProblems.problem(new IllegalStateException("/srv/secret"), String::valueOf);
        assertThat(problem.type()).isEqualTo(ProblemType.INTERNAL);
        assertThat(problem.getMessage()).doesNotContain("secret");
    }

    @Test
    void aConnectionThatBreaksIsTheCallersDoing() {
        Refusal problem = ApiProblems.problem(new ClientAbortException("Broken pipe"), String::valueOf);
        assertThat(problem.type()).isEqualTo(ProblemType.INCOMPLETE_BODY);
    }

    @Test
    void aHostThatFailsIsNot() {
        Refusal problem = ApiProblems.problem(
                new UncheckedIOException(new NoSuchFileException("/srv/images/secret")), String::valueOf);
        assertThat(problem.type()).isEqualTo(ProblemType.HOST_IO);
        assertThat(problem.getMessage()).doesNotContain("secret");
    }

    @ParameterizedTest
    @EnumSource
    void everyTypeExplainsItself(ProblemType type) {
        assertThat(type.title()).isNotBlank();
        assertThat(type.explanation()).endsWith(".");
        assertThat(ProblemType.named(type.wireName())).contains(type);
    }

    @Test
    void typesHaveDistinctNames() {
        assertThat(Arrays.stream(ProblemType.values())
                        .map(ProblemType::wireName)
                        .collect(Collectors.toSet()))
                .hasSize(ProblemType.values().length);
    }
}
