package io.cowslip.web.openapi;

import io.swagger.v3.oas.annotations.media.Content;
import io.swagger.v3.oas.annotations.media.ExampleObject;
import io.swagger.v3.oas.annotations.media.Schema;
import io.swagger.v3.oas.annotations.parameters.RequestBody;
import java.lang.annotation.ElementType;
import java.lang.annotation.Retention;
import java.lang.annotation.RetentionPolicy;
import java.lang.annotation.Target;
import org.springframework.http.MediaType;

/** An operation whose body is bytes and nothing else, for its description. */
@RequestBody(
        required = true,
        content =
                @Content(
                        mediaType = MediaType.APPLICATION_OCTET_STREAM_VALUE,
                        schema = @Schema(type = "string", format = "binary"),
                        examples = @ExampleObject(name = "sixteen-bytes", value = "sixteen bytes...")))
@Target(ElementType.METHOD)
@Retention(RetentionPolicy.RUNTIME)
public @interface OctetStreamBody {}
