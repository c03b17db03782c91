package io.cowslip.web.openapi;

import static io.cowslip.web.problem.ProblemType.PRECONDITION_FAILED;

import io.swagger.v3.oas.annotations.Parameter;
import io.swagger.v3.oas.annotations.Parameters;
import io.swagger.v3.oas.annotations.media.Content;
import io.swagger.v3.oas.annotations.responses.ApiResponse;
import java.lang.annotation.ElementType;
import java.lang.annotation.Retention;
import java.lang.annotation.RetentionPolicy;
import java.lang.annotation.Target;

/** An operation that reads a file under the conditions of RFC 9110, for its description. */
@Parameters({@Parameter(ref = SharedParameters.IF_MATCH), @Parameter(ref = SharedParameters.IF_NONE_MATCH)})
@ApiResponse(responseCode = "304", description = "The file still has the ETag in If-None-Match", content = @Content)
@Fails(PRECONDITION_FAILED)
@Target(ElementType.METHOD)
@Retention(RetentionPolicy.RUNTIME)
public @interface ConditionalOnFile {}
