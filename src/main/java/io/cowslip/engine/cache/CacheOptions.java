package io.cowslip.engine.cache;

import org.jspecify.annotations.Nullable;

/**
 * The cache options of one image layer, null where not given. The sizes are in bytes and have QEMU's names and meaning
 * ({@code docs/qcow2-cache.txt}): {@code l2-cache-size}, {@code l2-cache-entry-size}, {@code refcount-cache-size} and
 * {@code cache-size}. What they come to for one image is its {@link CacheBudget}.
 *
 * @param l2CachePacked {@code l2-cache-packed}, which QEMU does not have: whether the L2 cache holds each slice in the
 *     smallest form that says the same; null: it does
 */
public record CacheOptions(
        @Nullable Long l2CacheSize,
        @Nullable Long l2CacheEntrySize,
        @Nullable Long refcountCacheSize,
        @Nullable Long cacheSize,
        @Nullable Boolean l2CachePacked) {

    /** No option given: QEMU's defaults. */
    public static final CacheOptions DEFAULTS = new CacheOptions(null, null, null, null);

    /** Sizes alone. */
    public CacheOptions(
            @Nullable Long l2CacheSize,
            @Nullable Long l2CacheEntrySize,
            @Nullable Long refcountCacheSize,
            @Nullable Long cacheSize) {
        this(l2CacheSize, l2CacheEntrySize, refcountCacheSize, cacheSize, null);
    }
}
