package io.cowslip.engine.image.layer;

import io.cowslip.engine.cache.CacheStats;
import io.cowslip.engine.image.options.ImageFormat;
import java.nio.file.Path;
import org.jspecify.annotations.Nullable;

/**
 * One layer of an open image's chain as it is now.
 *
 * @param file the layer's host file
 * @param format what it is
 * @param virtualSizeBytes size of the disk it holds
 * @param clusterSizeBytes bytes that one entry of its map stands for; 0 for raw
 * @param l2 its L2 cache; null unless it is qcow2
 * @param refcounts its refcount cache; null unless it is qcow2
 * @param corrupt whether its metadata is known to contradict itself: it is marked so, or was found so since
 */
public record LayerStats(
        Path file,
        ImageFormat format,
        long virtualSizeBytes,
        int clusterSizeBytes,
        @Nullable CacheStats l2,
        @Nullable CacheStats refcounts,
        boolean corrupt) {}
