package io.cowslip.engine.cache;

import org.jspecify.annotations.Nullable;

/**
 * The cache options of one image layer, each in bytes and null where not given, with QEMU's names and meaning
 * ({@code docs/qcow2-cache.txt}): {@code l2-cache-size}, {@code l2-cache-entry-size}, {@code refcount-cache-size} and
 * {@code cache-size}. What they come to for one image is its {@link CacheBudget}.
 */
public record CacheOptions(
        @Nullable Long l2CacheSize,
        @Nullable Long l2CacheEntrySize,
        @Nullable Long refcountCacheSize,
        @Nullable Long cacheSize) {

    /** No option given: QEMU's defaults. */
    public static final CacheOptions DEFAULTS = new CacheOptions(null, null, null, null);
}
