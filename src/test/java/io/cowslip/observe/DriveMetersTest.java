package io.cowslip.observe;

import static org.assertj.core.api.Assertions.assertThat;

import io.cowslip.drive.DriveId;
import io.cowslip.drive.registry.DriveObserver.Operation;
import io.cowslip.engine.cache.CacheStats;
import io.cowslip.engine.image.layer.LayerStats;
import io.cowslip.engine.image.options.ImageFormat;
import io.micrometer.core.instrument.MeterRegistry;
import io.micrometer.core.instrument.Timer;
import io.micrometer.core.instrument.simple.SimpleMeterRegistry;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;

class DriveMetersTest {
    private static final DriveId A = new DriveId("a");
    private static final DriveId B = new DriveId("b");

    private final MeterRegistry registry = new SimpleMeterRegistry();
    private final DriveMeters meters = new DriveMeters(registry);
    private List<LayerStats> layers = List.of(qcow2(1), qcow2(100), raw());

    @Test
    void cachesAreReadWhenAsked() {
        meters.opened(A, () -> layers);
        layers = List.of(qcow2(2), qcow2(200), raw());

        assertThat(count("cache.gets", "0", "l2", "hit")).isEqualTo(2);
        assertThat(count("cache.gets", "1", "l2", "hit")).isEqualTo(200);
        assertThat(count("cache.gets", "0", "l2", "miss")).isEqualTo(4);
        assertThat(count("cache.puts", "0", "l2", null)).isEqualTo(6);
        assertThat(count("cowslip.cache.loaded.bytes", "0", "l2", null)).isEqualTo(8);
        assertThat(count("cache.evictions", "0", "l2", null)).isEqualTo(10);
        assertThat(count("cowslip.cache.written.back.bytes", "0", "refcount", null))
                .isEqualTo(14);
        assertThat(count("cowslip.cache.entries.cleaned", "0", "refcount", null))
                .isEqualTo(16);
        assertThat(gauge("cache.size", "1", "refcount")).isEqualTo(1800);
        assertThat(gauge("cowslip.cache.dirty.entries", "0", "l2")).isEqualTo(20);
        assertThat(gauge("cowslip.cache.resident.bytes", "0", "l2")).isEqualTo(22);
        assertThat(gauge("cowslip.cache.logical.bytes", "0", "l2")).isEqualTo(32);
        assertThat(gauge("cowslip.cache.limit.bytes", "0", "l2")).isEqualTo(24);
        assertThat(gauge("cowslip.cache.covered.bytes", "0", "l2")).isEqualTo(30);
        assertThat(gauge("cowslip.cache.coverage", "0", "l2")).isEqualTo(0.5);
    }

    @Test
    void rawLayersHaveNoCacheMeters() {
        meters.opened(A, () -> layers);

        assertThat(registry.find("cache.size").tag("layer", "2").meters()).isEmpty();
        assertThat(registry.find("cache.size").meters()).hasSize(4);
    }

    @Test
    void noCountFallsWhileTheDriveCloses() {
        meters.opened(A, () -> layers);
        layers = List.of();

        assertThat(count("cache.gets", "0", "l2", "hit")).isEqualTo(1);
    }

    @Test
    void sourcesOutliveTheCollector() {
        meters.opened(A, () -> layers);
        System.gc();

        assertThat(gauge("cache.size", "0", "l2")).isEqualTo(9);
    }

    @Test
    void operationsAreTimedAndMeasured() {
        meters.opened(A, () -> layers);
        meters.completed(A, Operation.READ, 4096, 1_000_000);
        meters.completed(A, Operation.READ, 4096, 3_000_000);
        meters.completed(A, Operation.FLUSH, 0, 5_000_000);
        meters.cleaned(A, 7_000_000);

        assertThat(timer("cowslip.drive.operations", "read").count()).isEqualTo(2);
        assertThat(timer("cowslip.drive.operations", "read").totalTime(TimeUnit.MILLISECONDS))
                .isEqualTo(4);
        assertThat(timer("cowslip.drive.operations", "flush").count()).isEqualTo(1);
        assertThat(registry.get("cowslip.drive.bytes")
                        .tags("drive", "a", "operation", "read")
                        .summary()
                        .totalAmount())
                .isEqualTo(8192);
        assertThat(registry.get("cowslip.cache.clean").tag("drive", "a").timer().count())
                .isEqualTo(1);
    }

    @Test
    void metersGoWithTheirDrive() {
        meters.opened(A, () -> layers);
        meters.opened(B, () -> layers);
        int both = registry.getMeters().size();

        meters.closed(A);
        assertThat(registry.getMeters())
                .hasSize(both / 2)
                .allSatisfy(meter -> assertThat(meter.getId().getTag("drive")).isEqualTo("b"));
        meters.closed(B);
        assertThat(registry.getMeters()).isEmpty();
    }

    @Test
    void requestsOfAClosedDriveAreNobodys() {
        meters.completed(A, Operation.WRITE, 1, 1);

        assertThat(registry.getMeters()).isEmpty();
    }

    private double count(String name, String layer, String cache, @Nullable String result) {
        var search = registry.get(name).tags("drive", "a", "layer", layer, "cache", cache);
        return (result == null ? search : search.tag("result", result))
                .functionCounter()
                .count();
    }

    private double gauge(String name, String layer, String cache) {
        return registry.get(name)
                .tags("drive", "a", "layer", layer, "cache", cache)
                .gauge()
                .value();
    }

    private Timer timer(String name, String operation) {
        return registry.get(name).tags("drive", "a", "operation", operation).timer();
    }

    /** Statistics whose values are multiples of {@code unit}, each another one. */
    private static LayerStats qcow2(int unit) {
        CacheStats stats = new CacheStats(
                unit,
                2L * unit,
                3L * unit,
                4L * unit,
                5L * unit,
                6L * unit,
                7L * unit,
                8L * unit,
                9 * unit,
                10 * unit,
                11L * unit,
                16L * unit,
                12L * unit,
                13 * unit,
                14 * unit,
                15L * unit,
                0.5);
        return new LayerStats(Path.of("x"), ImageFormat.QCOW2, 1 << 20, 65536, stats, stats, false);
    }

    private static LayerStats raw() {
        return new LayerStats(Path.of("y"), ImageFormat.RAW, 1 << 20, 0, null, null, false);
    }
}
