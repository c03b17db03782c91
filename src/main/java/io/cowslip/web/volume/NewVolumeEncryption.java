package io.cowslip.web.volume;

import com.fasterxml.jackson.annotation.JsonProperty;
import io.cowslip.drive.volume.VolumeEncryption;
import io.cowslip.engine.image.options.NewEncryption;
import io.cowslip.engine.image.options.Secret;
import io.cowslip.web.problem.Refusal;
import io.swagger.v3.oas.annotations.media.Schema;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * The encryption of a new volume, with the names and defaults of {@code qemu-img create -o encrypt.…}.
 *
 * @param format only luks can be made
 * @param iterTime how long a passphrase may take to be tried, in milliseconds
 */
@Schema(name = "NewEncryption", description = "The encryption of a new volume, with the names of qemu-img create")
public record NewVolumeEncryption(
        @Schema(allowableValues = "luks") @Nullable String format,

        @Schema(type = "string", description = "The passphrase. It is stored nowhere and never told again")
        @JsonProperty(access = JsonProperty.Access.WRITE_ONLY)
        @Nullable
        Secret keySecret,

        @Schema(description = "A file in the folder cowslip.secrets-folder that holds the passphrase, byte for byte")
        @JsonProperty(access = JsonProperty.Access.WRITE_ONLY)
        @Nullable
        String keySecretFile,

        @Schema(defaultValue = "aes-256") @Nullable String cipherAlg,
        @Schema(defaultValue = "xts") @Nullable String cipherMode,
        @Schema(defaultValue = "plain64") @Nullable String ivgenAlg,
        @Nullable String ivgenHashAlg,
        @Schema(defaultValue = "sha256") @Nullable String hashAlg,

        @Schema(description = "How long a passphrase may take to be tried, in milliseconds", defaultValue = "2000")
        @Nullable
        Long iterTime) {

    /** What the service layer is asked for. */
    public VolumeEncryption options() {
        if (format != null && !format.equals("luks")) {
            throw Refusal.ofOption("encrypt.format", "encrypt.format is \"" + format + "\"; only \"luks\" can be made");
        }
        if (keySecret != null && keySecretFile != null) {
            throw Refusal.ofOption(
                    "encrypt.key-secret-file",
                    "encrypt.key-secret-file is given with encrypt.key-secret; it must be one of them");
        }
        NewEncryption options = new NewEncryption(
                Objects.requireNonNullElseGet(keySecret, () -> Secret.of("")),
                Objects.requireNonNullElse(cipherAlg, "aes-256"),
                Objects.requireNonNullElse(cipherMode, "xts"),
                Objects.requireNonNullElse(ivgenAlg, "plain64"),
                ivgenHashAlg,
                Objects.requireNonNullElse(hashAlg, "sha256"),
                0);
        return new VolumeEncryption(
                options, keySecretFile, Objects.requireNonNullElse(iterTime, NewEncryption.DEFAULT_ITER_TIME_MILLIS));
    }
}
