package io.cowslip.web.drive;

import com.fasterxml.jackson.annotation.JsonProperty;
import io.cowslip.engine.image.options.NewEncryption;
import io.cowslip.engine.image.options.Secret;
import io.cowslip.web.problem.Refusal;
import io.swagger.v3.oas.annotations.media.Schema;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * A passphrase to add, with the names of {@code qemu-img amend -o encrypt.…}.
 *
 * @param keySecret a passphrase that opens the image now
 * @param newSecret the one to add
 * @param keyslot where it goes
 * @param iterTime how long it may take to be tried, in milliseconds
 */
@Schema(name = "NewKeySlot", description = "A passphrase to add; either may be in a file of the secrets folder instead")
record KeySlotRequest(
        @Schema(type = "string", description = "A passphrase that opens the image now")
        @JsonProperty(access = JsonProperty.Access.WRITE_ONLY)
        @Nullable
        Secret keySecret,

        @Nullable String keySecretFile,

        @Schema(type = "string", description = "The passphrase to add")
        @JsonProperty(access = JsonProperty.Access.WRITE_ONLY)
        @Nullable
        Secret newSecret,

        @Nullable String newSecretFile,

        @Schema(description = "The slot for it, 0 to 7; the first free one unless given") @Nullable
        Integer keyslot,

        @Schema(description = "How long it may take to be tried, in milliseconds", defaultValue = "2000") @Nullable
        Long iterTime) {

    void check() {
        requireOne("key-secret", keySecret, keySecretFile);
        requireOne("new-secret", newSecret, newSecretFile);
        long millis = iterTimeMillis();
        if (millis < 1 || millis > NewEncryption.MAX_ITER_TIME_MILLIS) {
            throw Refusal.ofOption(
                    "iter-time",
                    "iter-time is " + millis + "; it may be 1 to " + NewEncryption.MAX_ITER_TIME_MILLIS
                            + " milliseconds");
        }
    }

    private static void requireOne(String option, @Nullable Secret secret, @Nullable String file) {
        if ((secret == null || secret.isEmpty()) == (file == null)) {
            throw Refusal.ofOption(
                    option, option + " or " + option + "-file must be given, one of them, and not be empty");
        }
    }

    long iterTimeMillis() {
        return Objects.requireNonNullElse(iterTime, NewEncryption.DEFAULT_ITER_TIME_MILLIS);
    }
}
