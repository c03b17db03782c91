package io.cowslip.observe;

import io.cowslip.drive.registry.DriveView;
import io.cowslip.engine.cache.CacheStats;
import io.cowslip.engine.image.layer.LayerStats;
import java.time.Instant;
import java.util.List;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;
import tools.jackson.databind.PropertyNamingStrategies.KebabCaseStrategy;
import tools.jackson.databind.annotation.JsonNaming;

/**
 * The caches of one drive as the endpoint shows them. Names are kebab-case, as in the rest of the API.
 *
 * @param cacheCleanInterval seconds; 0: idle entries stay
 * @param lastCleaned when idle entries were dropped last; null: not since the drive was opened
 */
@JsonNaming(KebabCaseStrategy.class)
record DriveCaches(
        String id,
        String file,
        long cacheCleanInterval,
        @Nullable Instant lastCleaned,
        List<Layer> layers) {

    /**
     * One file of the chain.
     *
     * @param layer 0 for the drive's own image, 1 for the one it backs on, and so on: the meters' tag
     * @param l2Cache null for raw
     * @param refcountCache null for raw
     */
    @JsonNaming(KebabCaseStrategy.class)
    record Layer(
            int layer,
            String file,
            String format,
            long virtualSize,
            int clusterSize,
            @Nullable Cache l2Cache,
            @Nullable Cache refcountCache) {}

    /**
     * One cache: its effective size, what it holds, and what it has done since the drive was opened.
     *
     * @param hitRatio share of the look-ups that were answered from memory; null: there was none yet
     * @param covers bytes of disk that a full cache maps
     * @param coverage the same as a share of the disk
     */
    @JsonNaming(KebabCaseStrategy.class)
    record Cache(
            long size,
            int entrySize,
            int entries,
            long covers,
            double coverage,
            int residentEntries,
            long residentBytes,
            long logicalBytes,
            int dirtyEntries,
            long hits,
            long misses,
            @Nullable Double hitRatio,
            long loads,
            long bytesLoaded,
            long evictions,
            long writeBacks,
            long bytesWrittenBack,
            long entriesCleaned) {

        static @Nullable Cache of(@Nullable CacheStats stats) {
            if (stats == null) {
                return null;
            }
            long gets = stats.hits() + stats.misses();
            return new Cache(
                    stats.sizeBytes(),
                    stats.entryBytes(),
                    stats.entries(),
                    stats.coversBytes(),
                    stats.coverage(),
                    stats.entriesResident(),
                    stats.residentBytes(),
                    stats.logicalBytes(),
                    stats.entriesDirty(),
                    stats.hits(),
                    stats.misses(),
                    gets == 0 ? null : (double) stats.hits() / gets,
                    stats.loads(),
                    stats.bytesLoaded(),
                    stats.evictions(),
                    stats.writeBacks(),
                    stats.bytesWrittenBack(),
                    stats.entriesCleaned());
        }
    }

    static DriveCaches of(DriveView drive, @Nullable Instant lastCleaned) {
        List<Layer> layers = IntStream.range(0, drive.layers().size())
                .mapToObj(index -> layer(
                        index, drive.layerFiles().get(index), drive.layers().get(index)))
                .toList();
        return new DriveCaches(
                drive.id().value(), drive.file(), drive.options().cacheCleanIntervalSeconds(), lastCleaned, layers);
    }

    private static Layer layer(int index, String file, LayerStats stats) {
        return new Layer(
                index,
                file,
                stats.format().wireName(),
                stats.virtualSizeBytes(),
                stats.clusterSizeBytes(),
                Cache.of(stats.l2()),
                Cache.of(stats.refcounts()));
    }
}
