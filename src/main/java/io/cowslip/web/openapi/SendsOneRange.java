package io.cowslip.web.openapi;

import static io.cowslip.web.problem.ProblemType.RANGE_NOT_SATISFIABLE;

import io.swagger.v3.oas.annotations.media.Content;
import io.swagger.v3.oas.annotations.media.Schema;
import io.swagger.v3.oas.annotations.responses.ApiResponse;
import java.lang.annotation.ElementType;
import java.lang.annotation.Retention;
import java.lang.annotation.RetentionPolicy;
import java.lang.annotation.Target;
import org.springframework.http.MediaType;

/** An operation that answers a Range of one part and no more, for its description. */
@ApiResponse(
        responseCode = "206",
        description = "The range asked for",
        content =
                @Content(
                        mediaType = MediaType.APPLICATION_OCTET_STREAM_VALUE,
                        schema = @Schema(type = "string", format = "binary")))
@Fails(RANGE_NOT_SATISFIABLE)
@Target(ElementType.METHOD)
@Retention(RetentionPolicy.RUNTIME)
public @interface SendsOneRange {}
