package io.cowslip.web.data;

import static io.cowslip.web.problem.ProblemType.BODY_TOO_LARGE;
import static io.cowslip.web.problem.ProblemType.CORRUPT_IMAGE;
import static io.cowslip.web.problem.ProblemType.DIGEST_MISMATCH;
import static io.cowslip.web.problem.ProblemType.HOST_IO;
import static io.cowslip.web.problem.ProblemType.INCOMPLETE_BODY;
import static io.cowslip.web.problem.ProblemType.INSUFFICIENT_STORAGE;
import static io.cowslip.web.problem.ProblemType.INVALID_OPTION;
import static io.cowslip.web.problem.ProblemType.INVALID_RANGE;
import static io.cowslip.web.problem.ProblemType.LIMIT_REACHED;
import static io.cowslip.web.problem.ProblemType.PRECONDITION_FAILED;
import static io.cowslip.web.problem.ProblemType.RANGE_NOT_SATISFIABLE;
import static io.cowslip.web.problem.ProblemType.READ_ONLY;
import static io.cowslip.web.problem.ProblemType.UNSUPPORTED_MEDIA_TYPE;

import io.cowslip.web.openapi.Fails;
import io.cowslip.web.openapi.SharedParameters;
import io.swagger.v3.oas.annotations.Parameter;
import io.swagger.v3.oas.annotations.Parameters;
import java.lang.annotation.ElementType;
import java.lang.annotation.Retention;
import java.lang.annotation.RetentionPolicy;
import java.lang.annotation.Target;

/** An operation that changes a disk by what {@link DataWrites} takes, for its description. */
@Parameters({
    @Parameter(ref = SharedParameters.CONTENT_RANGE),
    @Parameter(ref = SharedParameters.CONTENT_DIGEST),
    @Parameter(ref = SharedParameters.IF_MATCH)
})
@Fails({
    INVALID_OPTION,
    INVALID_RANGE,
    INCOMPLETE_BODY,
    DIGEST_MISMATCH,
    READ_ONLY,
    PRECONDITION_FAILED,
    BODY_TOO_LARGE,
    UNSUPPORTED_MEDIA_TYPE,
    RANGE_NOT_SATISFIABLE,
    CORRUPT_IMAGE,
    HOST_IO,
    LIMIT_REACHED,
    INSUFFICIENT_STORAGE
})
@Target(ElementType.ANNOTATION_TYPE)
@Retention(RetentionPolicy.RUNTIME)
@interface ChangesData {}
