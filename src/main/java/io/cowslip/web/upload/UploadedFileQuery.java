package io.cowslip.web.upload;

import static io.cowslip.web.problem.ProblemType.INVALID_OPTION;
import static io.cowslip.web.problem.ProblemType.INVALID_REQUEST;

import io.cowslip.web.openapi.Fails;
import io.swagger.v3.oas.annotations.Parameter;
import io.swagger.v3.oas.annotations.Parameters;
import io.swagger.v3.oas.annotations.enums.ParameterIn;
import io.swagger.v3.oas.annotations.media.ArraySchema;
import io.swagger.v3.oas.annotations.media.Schema;
import java.lang.annotation.ElementType;
import java.lang.annotation.Retention;
import java.lang.annotation.RetentionPolicy;
import java.lang.annotation.Target;

/** An operation whose query says what the uploaded file is, as {@link UploadQuery} reads it, for its description. */
@Parameters({
    @Parameter(
            in = ParameterIn.QUERY,
            name = "format",
            description = "What the file is; where its content says so, it need not be said",
            schema =
                    @Schema(
                            type = "string",
                            allowableValues = {"qcow2", "raw", "vmdk", "vhdx", "vpc", "vdi"}),
            example = "raw"),
    @Parameter(
            in = ParameterIn.QUERY,
            name = "backing-file",
            description =
                    "The volume that the image names as its backing file, relative to the image root; it may name no other",
            schema = @Schema(type = "string")),
    @Parameter(
            in = ParameterIn.QUERY,
            name = "data-file",
            description =
                    "A volume that the image names as holding its data, relative to the image root; once for each",
            array = @ArraySchema(schema = @Schema(type = "string")))
})
@Fails({INVALID_REQUEST, INVALID_OPTION})
@Target(ElementType.METHOD)
@Retention(RetentionPolicy.RUNTIME)
@interface UploadedFileQuery {}
