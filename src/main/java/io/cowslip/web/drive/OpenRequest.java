package io.cowslip.web.drive;

import com.fasterxml.jackson.annotation.JsonProperty;
import com.fasterxml.jackson.annotation.JsonUnwrapped;
import io.cowslip.drive.registry.DriveKeeping;
import io.cowslip.web.json.ByteSize;
import io.cowslip.web.json.Encryption;
import io.cowslip.web.json.LayerOptions;
import io.cowslip.web.json.OverlapCheckOptions;
import io.cowslip.web.json.WriteLayerOptions;
import io.cowslip.web.problem.WithMembersOf;
import io.swagger.v3.oas.annotations.media.Schema;
import org.jspecify.annotations.Nullable;

/**
 * The body of a request to open an image: the options of its top layer, and which image under which name.
 *
 * @param id the drive's name; made up where not given
 * @param file the image, relative to the image root
 * @param ephemeral whether the drive ends with the service
 */
@Schema(name = "OpenDrive", description = "Which image to open, under which id, and with which of QEMU's options")
@WithMembersOf({OverlapCheckOptions.class, WriteLayerOptions.class})
record OpenRequest(
        @Nullable String id,

        @Schema(requiredMode = Schema.RequiredMode.REQUIRED) @Nullable
        String file,

        @Schema(
                description =
                        "Whether the drive is gone once the service ends. Otherwise it is open again after a restart")
        @Nullable
        Boolean ephemeral,

        @Schema(description = LayerOptions.ABOUT_FORMAT) @Nullable
        String format,

        @Nullable Boolean readOnly,
        @Nullable ByteSize l2CacheSize,
        @Nullable ByteSize l2CacheEntrySize,
        @Nullable ByteSize refcountCacheSize,
        @Nullable ByteSize cacheSize,

        @Schema(description = LayerOptions.ABOUT_L2_CACHE_PACKED) @Nullable
        Boolean l2CachePacked,

        @Nullable Long cacheCleanInterval,

        @JsonProperty(LayerOptions.CACHE_DIRECT) @Schema(description = LayerOptions.ABOUT_CACHE_DIRECT) @Nullable
        Boolean cacheDirect,

        @Nullable String discard,

        @Schema(description = LayerOptions.ABOUT_LAZY_REFCOUNTS) @Nullable
        Boolean lazyRefcounts,

        @JsonUnwrapped @Nullable OverlapCheckOptions overlapCheck,

        @JsonUnwrapped @Nullable WriteLayerOptions writes,

        @Schema(description = LayerOptions.ABOUT_DATA_FILE) @Nullable
        String dataFile,

        @Nullable Encryption encrypt,

        @Schema(description = LayerOptions.ABOUT_SNAPSHOT) @Nullable
        String snapshot,

        @Nullable LayerOptions backing) {

    DriveKeeping keeping() {
        return Boolean.TRUE.equals(ephemeral) ? DriveKeeping.EPHEMERAL : DriveKeeping.KEPT;
    }

    LayerOptions options() {
        return new LayerOptions(
                format,
                readOnly,
                l2CacheSize,
                l2CacheEntrySize,
                refcountCacheSize,
                cacheSize,
                l2CachePacked,
                cacheCleanInterval,
                cacheDirect,
                discard,
                lazyRefcounts,
                overlapCheck,
                writes,
                dataFile,
                encrypt,
                snapshot,
                backing);
    }
}
