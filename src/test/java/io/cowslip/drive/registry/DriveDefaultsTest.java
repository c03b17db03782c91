package io.cowslip.drive.registry;

import static org.assertj.core.api.Assertions.assertThat;

import io.cowslip.engine.cache.CacheOptions;
import io.cowslip.engine.image.options.ImageFormat;
import io.cowslip.engine.image.options.ImageOptions;
import io.cowslip.engine.image.options.ImageOptions.DiscardMode;
import java.util.List;
import java.util.Objects;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;

class DriveDefaultsTest {
    private static final long K = 1024;
    private static final long M = 1024 * K;
    private static final DriveDefaults.Layer QCOW2 = new DriveDefaults.Layer(ImageFormat.QCOW2, 65536);
    private static final DriveDefaults.Layer SMALL_CLUSTERS = new DriveDefaults.Layer(ImageFormat.QCOW2, 4096);
    private static final DriveDefaults.Layer RAW = new DriveDefaults.Layer(ImageFormat.RAW, 0);

    private final DriveDefaults defaults = new DriveDefaults(options(new CacheOptions(4 * M, 8 * K, M, null), null));

    @Test
    void aSilentRequestGetsAllDefaults() {
        assertThat(filled(CacheOptions.DEFAULTS)).isEqualTo(new CacheOptions(4 * M, 8 * K, M, null));
    }

    @Test
    void aRequestStartsWithoutCacheSizes() {
        ImageOptions start = defaults.start();

        assertThat(start.caches()).isEqualTo(CacheOptions.DEFAULTS);
        assertThat(start.readOnly()).isTrue();
        assertThat(start.cacheCleanIntervalSeconds()).isEqualTo(30);
        assertThat(start.discard()).isEqualTo(DiscardMode.IGNORE);
        assertThat(start.cacheDirect()).isTrue();
    }

    @Test
    void anySizeOfTheRequestPutsAllDefaultSizesAside() {
        assertThat(filled(new CacheOptions(null, null, null, 2 * M)))
                .isEqualTo(new CacheOptions(null, 8 * K, null, 2 * M));
        assertThat(filled(new CacheOptions(M, null, null, null))).isEqualTo(new CacheOptions(M, 8 * K, null, null));
        assertThat(filled(new CacheOptions(null, null, 0L, null))).isEqualTo(new CacheOptions(null, 8 * K, 0L, null));
    }

    @Test
    void anEntrySizeAloneKeepsTheDefaultSizes() {
        assertThat(filled(new CacheOptions(null, 512L, null, null))).isEqualTo(new CacheOptions(4 * M, 512L, M, null));
    }

    @Test
    void packingIsTheRequestsOrElseTheDefault() {
        DriveDefaults plain = new DriveDefaults(options(new CacheOptions(null, null, null, null, false), null));
        assertThat(plain.fill(options(new CacheOptions(M, null, null, null), null), List.of(QCOW2))
                        .caches())
                .isEqualTo(new CacheOptions(M, null, null, null, false));
        CacheOptions packed = new CacheOptions(null, null, null, null, true);
        assertThat(plain.fill(options(packed, null), List.of(QCOW2)).caches()).isEqualTo(packed);
    }

    @Test
    void theDefaultEntrySizeIsAtMostACluster() {
        assertThat(defaults.fill(options(CacheOptions.DEFAULTS, null), List.of(SMALL_CLUSTERS))
                        .caches()
                        .l2CacheEntrySize())
                .isEqualTo(4096);
    }

    @Test
    void everyQcow2LayerGetsThem() {
        ImageOptions asked = options(CacheOptions.DEFAULTS, options(new CacheOptions(null, null, null, M), null));

        ImageOptions filled = defaults.fill(asked, List.of(QCOW2, QCOW2, SMALL_CLUSTERS, RAW));

        assertThat(caches(filled, 0)).isEqualTo(new CacheOptions(4 * M, 8 * K, M, null));
        assertThat(caches(filled, 1)).isEqualTo(new CacheOptions(null, 8 * K, null, M));
        assertThat(caches(filled, 2)).isEqualTo(new CacheOptions(4 * M, 4 * K, M, null));
        assertThat(caches(filled, 3)).isEqualTo(CacheOptions.DEFAULTS);
    }

    @Test
    void nothingIsAddedBelowTheChain() {
        assertThat(defaults.fill(options(CacheOptions.DEFAULTS, null), List.of(QCOW2))
                        .backing())
                .isNull();
    }

    @Test
    void withoutDefaultsTheRequestStaysAsItIs() {
        ImageOptions asked = options(new CacheOptions(M, null, null, null), null);

        assertThat(new DriveDefaults(ImageOptions.defaults()).fill(asked, List.of(QCOW2, QCOW2)))
                .isSameAs(asked);
    }

    private CacheOptions filled(CacheOptions asked) {
        return defaults.fill(options(asked, null), List.of(QCOW2)).caches();
    }

    private static CacheOptions caches(ImageOptions options, int depth) {
        ImageOptions layer = options;
        for (int i = 0; i < depth; i++) {
            layer = Objects.requireNonNull(layer.backing());
        }
        return layer.caches();
    }

    private static ImageOptions options(CacheOptions caches, @Nullable ImageOptions backing) {
        return new ImageOptions(null, true, caches, 30, DiscardMode.IGNORE, true, backing);
    }
}
