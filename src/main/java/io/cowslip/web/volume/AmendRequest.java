package io.cowslip.web.volume;

import io.cowslip.engine.ImageException;
import io.cowslip.engine.image.options.AmendOptions;
import io.cowslip.engine.image.options.ImageFormat;
import io.cowslip.web.problem.Refusal;
import io.swagger.v3.oas.annotations.media.Schema;
import org.jspecify.annotations.Nullable;

/**
 * What is to change in a volume, with the names of {@code qemu-img amend}. What is not given stays.
 *
 * @param compat {@code 0.10} or {@code 1.1}
 * @param refcountBits 1, 2, 4, 8, 16, 32 or 64; only 16 with compat 0.10
 * @param lazyRefcounts whether refcounts may reach the file late
 * @param backingFile relative to the volume's folder; empty: none from now on
 * @param backingFormat required with a backing file
 */
@Schema(name = "AmendVolume", description = "What is to change in a volume")
public record AmendRequest(
        @Nullable String compat,

        @Schema(
                description = "1, 2, 4, 8, 16, 32 or 64: all refcounts are made anew, and the rest of the image stays",
                example = "32")
        @Nullable
        Integer refcountBits,

        @Nullable Boolean lazyRefcounts,

        @Schema(
                description =
                        "Stored without a look at what the disk reads over it; an empty name takes the backing file"
                                + " away")
        @Nullable
        String backingFile,

        @Nullable String backingFormat) {

    /** What it asks for, as the engine takes it. Refused by the key at fault. */
    public AmendOptions options() {
        try {
            return new AmendOptions(
                    version(),
                    refcountBits,
                    lazyRefcounts,
                    backingFile,
                    backingFormat == null ? null : ImageFormat.parse("backing-format", backingFormat));
        } catch (ImageException refused) {
            throw Refusal.of(refused);
        }
    }

    private @Nullable Integer version() {
        return switch (compat) {
            case null -> null;
            case "1.1", "v3" -> 3;
            case "0.10", "v2" -> 2;
            default -> throw Refusal.ofOption("compat", "compat is \"" + compat + "\"; it may be \"0.10\" or \"1.1\"");
        };
    }
}
