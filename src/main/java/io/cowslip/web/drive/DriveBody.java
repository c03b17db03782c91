package io.cowslip.web.drive;

import com.fasterxml.jackson.annotation.JsonProperty;
import io.cowslip.drive.registry.DriveKeeping;
import io.cowslip.drive.registry.DriveView;
import io.cowslip.engine.cache.CacheStats;
import io.cowslip.engine.image.layer.LayerStats;
import io.cowslip.engine.image.options.ImageOptions;
import io.cowslip.web.json.LayerOptions;
import io.swagger.v3.oas.annotations.media.Schema;
import java.util.Locale;
import org.jspecify.annotations.Nullable;

/**
 * A drive as it is shown: the values in effect, and the options that led to them.
 *
 * @param readOnly whether writes are refused: as asked for, or since the image is corrupt
 * @param compress whether what is written is compressed
 * @param corrupt whether the image's metadata contradicts itself
 * @param ephemeral whether it ends with the service
 * @param options the options in force, as a request would give them
 * @param backing the layer below, and so on down
 */
@Schema(name = "Drive", description = "An open image with the values in effect")
record DriveBody(
        String id,
        String file,
        String format,
        boolean readOnly,
        long virtualSize,
        @Nullable Integer clusterSize,
        @Nullable Cache l2Cache,
        @Nullable Cache refcountCache,
        long cacheCleanInterval,
        @JsonProperty(LayerOptions.CACHE_DIRECT) boolean cacheDirect,
        String discard,
        boolean compress,
        boolean corrupt,
        boolean ephemeral,
        @Nullable Layer backing,
        LayerOptions options) {

    /**
     * A cache's effective size.
     *
     * @param covers bytes that a full cache maps: of guest disk, or of host file for refcounts
     * @param coverage the same as a share of all there is
     */
    @Schema(name = "DriveCache")
    record Cache(long size, int entrySize, int entries, long covers, double coverage) {
        static @Nullable Cache of(@Nullable CacheStats stats) {
            return stats == null
                    ? null
                    : new Cache(
                            stats.sizeBytes(),
                            stats.entryBytes(),
                            stats.entries(),
                            stats.coversBytes(),
                            stats.coverage());
        }
    }

    /** One layer below the top. */
    @Schema(name = "DriveLayer")
    record Layer(
            String file,
            String format,
            long virtualSize,
            @Nullable Integer clusterSize,
            @Nullable Cache l2Cache,
            @Nullable Cache refcountCache,
            @JsonProperty(LayerOptions.CACHE_DIRECT) boolean cacheDirect,
            boolean corrupt,
            @Nullable Layer backing) {

        /** The layers from {@code index} down, or null where there are none. */
        static @Nullable Layer chain(DriveView drive, int index, ImageOptions options) {
            if (index == drive.layers().size()) {
                return null;
            }
            LayerStats stats = drive.layers().get(index);
            return new Layer(
                    drive.layerFiles().get(index),
                    stats.format().wireName(),
                    stats.virtualSizeBytes(),
                    clusterBytes(stats),
                    Cache.of(stats.l2()),
                    Cache.of(stats.refcounts()),
                    options.direct(),
                    stats.corrupt(),
                    chain(drive, index + 1, options.below()));
        }
    }

    static DriveBody of(DriveView drive) {
        LayerStats top = drive.layers().getFirst();
        return new DriveBody(
                drive.id().value(),
                drive.file(),
                top.format().wireName(),
                drive.options().readOnly() || top.corrupt(),
                drive.virtualSizeBytes(),
                clusterBytes(top),
                Cache.of(top.l2()),
                Cache.of(top.refcounts()),
                drive.options().cacheCleanIntervalSeconds(),
                drive.options().direct(),
                drive.options().discard().name().toLowerCase(Locale.ROOT),
                drive.options().writes().compress(),
                top.corrupt(),
                drive.keeping() == DriveKeeping.EPHEMERAL,
                Layer.chain(drive, 1, drive.options().below()),
                LayerOptions.of(drive.options()));
    }

    private static @Nullable Integer clusterBytes(LayerStats layer) {
        return layer.clusterSizeBytes() == 0 ? null : Integer.valueOf(layer.clusterSizeBytes());
    }
}
