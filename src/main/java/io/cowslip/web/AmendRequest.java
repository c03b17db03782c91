package io.cowslip.web;

import io.cowslip.engine.ImageException;
import io.cowslip.engine.image.AmendOptions;
import io.cowslip.engine.image.ImageFormat;
import io.swagger.v3.oas.annotations.media.Schema;
import org.jspecify.annotations.Nullable;

/**
 * What is to change in a volume's header, with the names of {@code qemu-img amend}. What is not given stays.
 *
 * @param compat {@code 1.1}, or {@code 0.10} where it is that already
 * @param lazyRefcounts whether refcounts may reach the file late
 * @param backingFile relative to the volume's folder; empty: none from now on
 * @param backingFormat required with a backing file
 */
@Schema(name = "AmendVolume", description = "What is to change in a volume's header")
record AmendRequest(
        @Nullable String compat,
        @Nullable Boolean lazyRefcounts,

        @Schema(
                description =
                        "Stored without a look at what the disk reads over it; an empty name takes the backing file"
                                + " away")
        @Nullable
        String backingFile,

        @Nullable String backingFormat) {

    AmendOptions options() {
        try {
            return new AmendOptions(
                    version(),
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
