package io.cowslip.engine.cache;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import io.cowslip.engine.ImageException;
import io.cowslip.engine.SizeText;
import io.cowslip.engine.format.ImageGeometry;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** How much disk the caches map. The expected values are the table of QEMU's {@code docs/qcow2-cache.txt}, carried on. */
final class CacheCoverageTest {
    private static final CacheOptions ONE_MEBIBYTE = new CacheOptions(1L << 20, null, null, null);

    /** Cluster size; then disk mapped by 1 MiB, by the default of 32 MiB, and file counted by four refcount blocks. */
    @ParameterizedTest
    @CsvSource({
        "512, 64M, 2G, 512K",
        "4K, 512M, 16G, 32M",
        "16K, 2G, 64G, 512M",
        "64K, 8G, 256G, 8G",
        "128K, 16G, 512G, 32G",
        "256K, 32G, 1T, 128G",
        "1M, 128G, 4T, 2T",
        "2M, 256G, 8T, 8T"
    })
    void ofEntriesOfEightBytes(String cluster, String byOneMebibyte, String byDefault, String byRefcounts)
            throws ImageException {
        long disk = bytes(byDefault) * 4;
        assertThat(l2(cluster, disk, false, ONE_MEBIBYTE).coversBytes()).isEqualTo(bytes(byOneMebibyte));
        CacheStats defaults = l2(cluster, disk, false, CacheOptions.DEFAULTS);
        assertThat(defaults.coversBytes()).isEqualTo(bytes(byDefault));
        assertThat(defaults.coverage()).isEqualTo(0.25);
        CacheStats refcounts = refcounts(cluster, disk, 4, bytes(byRefcounts) * 8);
        assertThat(refcounts.coversBytes()).isEqualTo(bytes(byRefcounts));
        assertThat(refcounts.coverage()).isEqualTo(0.125);
    }

    @ParameterizedTest
    @CsvSource({"16K, 1G, 32G", "64K, 4G, 128G", "128K, 8G, 256G", "256K, 16G, 512G", "1M, 64G, 2T", "2M, 128G, 4T"})
    void ofEntriesOfSixteenBytes(String cluster, String byOneMebibyte, String byDefault) throws ImageException {
        long disk = bytes(byDefault) * 2;
        assertThat(l2(cluster, disk, true, ONE_MEBIBYTE).coversBytes()).isEqualTo(bytes(byOneMebibyte));
        assertThat(l2(cluster, disk, true, CacheOptions.DEFAULTS).coversBytes()).isEqualTo(bytes(byDefault));
    }

    /** Bits of a count, against what four blocks of 64 KiB clusters count. */
    @ParameterizedTest
    @CsvSource({"0, 128G", "3, 16G", "4, 8G", "6, 2G"})
    void narrowRefcountsCountMore(int refcountOrder, String counted) throws ImageException {
        assertThat(refcounts("64K", 1L << 30, refcountOrder, 1L << 40).coversBytes())
                .isEqualTo(bytes(counted));
    }

    @Test
    void ofAWholeDiskIsNeverMoreThanTheDisk() throws ImageException {
        CacheStats whole = l2("64K", 5L << 30, false, CacheOptions.DEFAULTS);
        assertThat(whole.coversBytes()).isEqualTo(5L << 30);
        assertThat(whole.coverage()).isOne();
        CacheStats least = l2("64K", 3 << 16, false, new CacheOptions(0L, null, null, null));
        assertThat(least.coversBytes()).isEqualTo(3 << 16);
        CacheStats empty = l2("64K", 0, false, CacheOptions.DEFAULTS);
        assertThat(empty.coversBytes()).isZero();
        assertThat(empty.coverage()).isOne();
    }

    @Test
    void ofAWholeFileIsNeverMoreThanTheFile() throws ImageException {
        CacheStats whole = refcounts("64K", 1L << 30, 4, 300 << 10);
        assertThat(whole.coversBytes()).isEqualTo(300 << 10);
        assertThat(whole.coverage()).isOne();
    }

    @Test
    void doesNotOverflowWithTheLargestCaches() throws ImageException {
        CacheOptions largest = new CacheOptions(null, null, 0L, CacheBudget.MAX_CACHE_BYTES);
        ImageGeometry geometry = new ImageGeometry(21, 1L << 55, 4, false);
        CacheBudget budget = CacheBudget.of(largest, geometry);
        try (L2SliceCache cache = new L2SliceCache(budget, geometry, (key, pieces, into) -> {}, new CacheCounters())) {
            assertThat(cache.stats().coversBytes()).isEqualTo(1L << 54);
            assertThat(cache.stats().coverage()).isCloseTo(0.5, within(1e-9));
        }
    }

    private static CacheStats l2(String cluster, long disk, boolean extended, CacheOptions options)
            throws ImageException {
        ImageGeometry geometry = new ImageGeometry(Long.numberOfTrailingZeros(bytes(cluster)), disk, 4, extended);
        CacheBudget budget = CacheBudget.of(options, geometry);
        try (L2SliceCache cache = new L2SliceCache(budget, geometry, (key, pieces, into) -> {}, new CacheCounters())) {
            return cache.stats();
        }
    }

    private static CacheStats refcounts(String cluster, long disk, int refcountOrder, long fileBytes)
            throws ImageException {
        ImageGeometry geometry =
                new ImageGeometry(Long.numberOfTrailingZeros(bytes(cluster)), disk, refcountOrder, false);
        CacheBudget budget = CacheBudget.of(CacheOptions.DEFAULTS, geometry);
        CacheStats closed;
        try (RefcountBlockCache cache =
                new RefcountBlockCache(budget, geometry, (key, pieces, into) -> {}, new CacheCounters())) {
            closed = cache.stats(fileBytes);
        }
        return closed;
    }

    private static long bytes(String size) throws ImageException {
        return SizeText.parse("size", size);
    }
}
