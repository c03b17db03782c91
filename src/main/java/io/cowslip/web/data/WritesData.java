package io.cowslip.web.data;

import static io.cowslip.web.problem.ProblemType.INVALID_REQUEST;

import io.cowslip.web.openapi.Fails;
import io.swagger.v3.oas.annotations.media.Content;
import io.swagger.v3.oas.annotations.responses.ApiResponse;
import java.lang.annotation.ElementType;
import java.lang.annotation.Retention;
import java.lang.annotation.RetentionPolicy;
import java.lang.annotation.Target;

/** An operation that {@link DataWrites} answers, for its description. */
@Fails(INVALID_REQUEST)
@ChangesData
@ApiResponse(
        responseCode = "200",
        description = "The bytes are written, and durable unless flush=n",
        content = @Content)
@Target(ElementType.METHOD)
@Retention(RetentionPolicy.RUNTIME)
@interface WritesData {}
