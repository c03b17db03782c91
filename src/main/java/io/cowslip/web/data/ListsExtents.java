package io.cowslip.web.data;

import static io.cowslip.web.problem.ProblemType.CORRUPT_IMAGE;
import static io.cowslip.web.problem.ProblemType.HOST_IO;
import static io.cowslip.web.problem.ProblemType.INCONSISTENT_BITMAP;
import static io.cowslip.web.problem.ProblemType.INVALID_IMAGE;
import static io.cowslip.web.problem.ProblemType.INVALID_OPTION;
import static io.cowslip.web.problem.ProblemType.NOT_ACCEPTABLE;
import static io.cowslip.web.problem.ProblemType.NOT_FOUND;
import static io.cowslip.web.problem.ProblemType.RANGE_NOT_SATISFIABLE;
import static io.cowslip.web.problem.ProblemType.UNSUPPORTED_FEATURE;

import io.cowslip.engine.image.map.GuestExtent;
import io.cowslip.web.openapi.Fails;
import io.swagger.v3.oas.annotations.media.ArraySchema;
import io.swagger.v3.oas.annotations.media.Content;
import io.swagger.v3.oas.annotations.media.Schema;
import io.swagger.v3.oas.annotations.responses.ApiResponse;
import java.lang.annotation.ElementType;
import java.lang.annotation.Retention;
import java.lang.annotation.RetentionPolicy;
import java.lang.annotation.Target;
import org.springframework.http.MediaType;

/** An operation that {@link DataExtents} answers, for its description. */
@ApiResponse(
        responseCode = "200",
        description = "The extents",
        content = {
            @Content(
                    mediaType = MediaType.APPLICATION_JSON_VALUE,
                    array = @ArraySchema(schema = @Schema(anyOf = {GuestExtent.class, DirtyExtent.class}))),
            @Content(
                    mediaType = MediaType.APPLICATION_NDJSON_VALUE,
                    schema = @Schema(anyOf = {GuestExtent.class, DirtyExtent.class}))
        })
@Fails({
    INVALID_OPTION,
    NOT_FOUND,
    NOT_ACCEPTABLE,
    INVALID_IMAGE,
    INCONSISTENT_BITMAP,
    RANGE_NOT_SATISFIABLE,
    UNSUPPORTED_FEATURE,
    CORRUPT_IMAGE,
    HOST_IO
})
@Target(ElementType.METHOD)
@Retention(RetentionPolicy.RUNTIME)
@interface ListsExtents {}
