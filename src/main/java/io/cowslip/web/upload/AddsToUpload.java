package io.cowslip.web.upload;

import static io.cowslip.web.problem.ProblemType.ALREADY_EXISTS;
import static io.cowslip.web.problem.ProblemType.BODY_TOO_LARGE;
import static io.cowslip.web.problem.ProblemType.DIGEST_MISMATCH;
import static io.cowslip.web.problem.ProblemType.FORBIDDEN_PATH;
import static io.cowslip.web.problem.ProblemType.HOST_IO;
import static io.cowslip.web.problem.ProblemType.INCOMPLETE_BODY;
import static io.cowslip.web.problem.ProblemType.INSUFFICIENT_STORAGE;
import static io.cowslip.web.problem.ProblemType.INVALID_IMAGE;
import static io.cowslip.web.problem.ProblemType.IN_USE;
import static io.cowslip.web.problem.ProblemType.LIMIT_REACHED;
import static io.cowslip.web.problem.ProblemType.NOT_FOUND;
import static io.cowslip.web.problem.ProblemType.TOO_MANY_REQUESTS;
import static io.cowslip.web.problem.ProblemType.UNSUPPORTED_FEATURE;
import static io.cowslip.web.problem.ProblemType.UNSUPPORTED_MEDIA_TYPE;
import static io.cowslip.web.problem.ProblemType.UPLOAD_OFFSET_MISMATCH;

import io.cowslip.web.openapi.Fails;
import io.swagger.v3.oas.annotations.Parameter;
import io.swagger.v3.oas.annotations.Parameters;
import io.swagger.v3.oas.annotations.enums.ParameterIn;
import io.swagger.v3.oas.annotations.media.Schema;
import java.lang.annotation.ElementType;
import java.lang.annotation.Retention;
import java.lang.annotation.RetentionPolicy;
import java.lang.annotation.Target;

/** An operation whose body is a part of a file, as {@link FileUploads} takes it in, for its description. */
@Parameters({
    @Parameter(
            in = ParameterIn.HEADER,
            name = UploadHeaders.UPLOAD_LENGTH,
            description = "How long the whole file is going to be",
            schema = @Schema(type = "integer")),
    @Parameter(
            in = ParameterIn.HEADER,
            name = "Content-Digest",
            description = "RFC 9530, of this body: it counts only whole",
            schema = @Schema(type = "string")),
    @Parameter(
            in = ParameterIn.HEADER,
            name = "Repr-Digest",
            description = "RFC 9530, of the whole file: checked at the end",
            schema = @Schema(type = "string"))
})
@JobMakesVolume
@Fails({
    INCOMPLETE_BODY,
    DIGEST_MISMATCH,
    FORBIDDEN_PATH,
    NOT_FOUND,
    ALREADY_EXISTS,
    IN_USE,
    UPLOAD_OFFSET_MISMATCH,
    BODY_TOO_LARGE,
    UNSUPPORTED_MEDIA_TYPE,
    INVALID_IMAGE,
    UNSUPPORTED_FEATURE,
    HOST_IO,
    TOO_MANY_REQUESTS,
    LIMIT_REACHED,
    INSUFFICIENT_STORAGE
})
@Target(ElementType.METHOD)
@Retention(RetentionPolicy.RUNTIME)
@interface AddsToUpload {}
