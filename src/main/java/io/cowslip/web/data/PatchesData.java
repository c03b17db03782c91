package io.cowslip.web.data;

import static io.cowslip.web.problem.ProblemType.INVALID_REQUEST;
import static io.cowslip.web.problem.ProblemType.UNKNOWN_KEY;
import static io.cowslip.web.problem.ProblemType.UNREADABLE_JSON;

import io.cowslip.web.openapi.Fails;
import io.swagger.v3.oas.annotations.Parameter;
import io.swagger.v3.oas.annotations.Parameters;
import io.swagger.v3.oas.annotations.enums.ParameterIn;
import io.swagger.v3.oas.annotations.media.Content;
import io.swagger.v3.oas.annotations.media.Schema;
import io.swagger.v3.oas.annotations.responses.ApiResponse;
import java.lang.annotation.ElementType;
import java.lang.annotation.Retention;
import java.lang.annotation.RetentionPolicy;
import java.lang.annotation.Target;

/** An operation that {@link DataPatches} answers, for its description. */
@Fails({INVALID_REQUEST, UNREADABLE_JSON, UNKNOWN_KEY})
@ChangesData
@Parameters(
        @Parameter(
                in = ParameterIn.QUERY,
                name = "flush",
                description = "Whether a write's answer waits for stable storage",
                schema =
                        @Schema(
                                type = "string",
                                allowableValues = {"y", "n"},
                                defaultValue = "n")))
@ApiResponse(responseCode = "200", description = "Done", content = @Content)
@Target(ElementType.METHOD)
@Retention(RetentionPolicy.RUNTIME)
@interface PatchesData {}
