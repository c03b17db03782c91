package io.cowslip.web.data;

import static io.cowslip.web.problem.ProblemType.CORRUPT_IMAGE;
import static io.cowslip.web.problem.ProblemType.HOST_IO;
import static io.cowslip.web.problem.ProblemType.INVALID_OPTION;

import io.cowslip.web.openapi.Fails;
import io.swagger.v3.oas.annotations.responses.ApiResponse;
import java.lang.annotation.ElementType;
import java.lang.annotation.Retention;
import java.lang.annotation.RetentionPolicy;
import java.lang.annotation.Target;

/** An operation that {@link DataChecksums} answers, for its description. */
@ApiResponse(responseCode = "200", description = "The checksum and what it was made with")
@Fails({INVALID_OPTION, CORRUPT_IMAGE, HOST_IO})
@Target(ElementType.METHOD)
@Retention(RetentionPolicy.RUNTIME)
@interface ComputesChecksum {}
