package io.cowslip.web.json;

import com.fasterxml.jackson.annotation.JsonProperty;
import io.cowslip.engine.ImageException;
import io.cowslip.engine.image.options.EncryptOptions;
import io.cowslip.engine.image.options.Secret;
import io.cowslip.web.problem.Refusal;
import io.swagger.v3.oas.annotations.media.Schema;
import org.jspecify.annotations.Nullable;

/**
 * How an encrypted layer is opened: QEMU's {@code encrypt.format} and {@code encrypt.key-secret}.
 *
 * @param format luks or aes
 * @param keySecret the passphrase, which is never told again
 * @param keySecretFile the file in the secrets folder that holds it
 */
@Schema(name = "Encryption", description = "How an encrypted layer is opened")
public record Encryption(
        @Schema(description = "luks, or aes for the format's first encryption; what the image has unless given")
        @Nullable
        String format,

        @Schema(type = "string", description = "The passphrase. It is stored nowhere and never told again")
        @JsonProperty(access = JsonProperty.Access.WRITE_ONLY)
        @Nullable
        Secret keySecret,

        @Schema(description = "A file in the folder cowslip.secrets-folder that holds the passphrase, byte for byte")
        @JsonProperty(access = JsonProperty.Access.WRITE_ONLY)
        @Nullable
        String keySecretFile) {

    /** What is told of the options in force. */
    static @Nullable Encryption of(@Nullable EncryptOptions options) {
        return options == null
                ? null
                : new Encryption(
                        options.format() == null ? null : options.format().wireName(), null, null);
    }

    EncryptOptions options(String prefix) {
        if (keySecret != null && keySecretFile != null) {
            throw Refusal.ofOption(
                    prefix + "key-secret-file",
                    prefix + "key-secret-file is given with " + prefix + "key-secret; it must be one of them");
        }
        return new EncryptOptions(format == null ? null : format(prefix + "format", format), keySecret, keySecretFile);
    }

    private static EncryptOptions.Format format(String option, String name) {
        try {
            return EncryptOptions.Format.parse(option, name);
        } catch (ImageException refused) {
            throw Refusal.of(refused);
        }
    }
}
