package io.cowslip.drive.registry;

import io.cowslip.engine.cache.CacheOptions;
import io.cowslip.engine.image.options.ImageFormat;
import io.cowslip.engine.image.options.ImageOptions;
import java.util.List;

/**
 * What drives get where a request is silent. An option of the request always wins. The three sizes make one budget, so a
 * request that gives any of them gets none of the three from here: a default never conflicts with what was asked for.
 *
 * @param unasked the options other than cache sizes; its cache sizes are those that each qcow2 layer gets
 */
public record DriveDefaults(ImageOptions unasked) {

    /**
     * What a default is fitted to.
     *
     * @param clusterSizeBytes only of qcow2
     */
    record Layer(ImageFormat format, int clusterSizeBytes) {}

    /** What a request that says nothing starts from: everything but cache sizes, which {@link #fill} adds. */
    ImageOptions start() {
        return unasked.withCaches(CacheOptions.DEFAULTS).withBacking(null);
    }

    /** The options of a request, made complete for the chain that it opens. */
    ImageOptions fill(ImageOptions asked, List<Layer> chain) {
        if (chain.isEmpty() || unasked.caches().equals(CacheOptions.DEFAULTS)) {
            return asked;
        }
        Layer layer = chain.getFirst();
        List<Layer> below = chain.subList(1, chain.size());
        ImageOptions backing = below.isEmpty() ? asked.backing() : fill(belowOf(asked), below);
        // QEMU knows no cache options for other formats.
        CacheOptions caches =
                layer.format() == ImageFormat.QCOW2 ? fill(asked.caches(), layer.clusterSizeBytes()) : asked.caches();
        return asked.withCaches(caches).withBacking(backing);
    }

    private static ImageOptions belowOf(ImageOptions asked) {
        return asked.backing() == null ? ImageOptions.defaults() : asked.backing();
    }

    private CacheOptions fill(CacheOptions asked, int clusterSizeBytes) {
        CacheOptions defaults = unasked.caches();
        Long entrySize = asked.l2CacheEntrySize();
        if (entrySize == null && defaults.l2CacheEntrySize() != null) {
            // An entry is at most a cluster, whatever cluster size the default was meant for.
            entrySize = Math.min(defaults.l2CacheEntrySize(), clusterSizeBytes);
        }
        CacheOptions sizes = givesSizes(asked) ? asked : defaults;
        Boolean packed = asked.l2CachePacked() == null ? defaults.l2CachePacked() : asked.l2CachePacked();
        return new CacheOptions(sizes.l2CacheSize(), entrySize, sizes.refcountCacheSize(), sizes.cacheSize(), packed);
    }

    private static boolean givesSizes(CacheOptions asked) {
        return asked.l2CacheSize() != null || asked.refcountCacheSize() != null || asked.cacheSize() != null;
    }
}
