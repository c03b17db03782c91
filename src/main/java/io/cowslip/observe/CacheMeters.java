package io.cowslip.observe;

import io.cowslip.engine.cache.CacheStats;
import io.cowslip.engine.image.layer.LayerStats;
import io.micrometer.core.instrument.FunctionCounter;
import io.micrometer.core.instrument.Gauge;
import io.micrometer.core.instrument.Meter;
import io.micrometer.core.instrument.MeterRegistry;
import io.micrometer.core.instrument.Tags;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Function;
import java.util.function.Supplier;
import java.util.function.ToDoubleFunction;
import org.jspecify.annotations.Nullable;

/**
 * The meters of one drive's caches, tagged {@code layer} (0 is the drive's own image, 1 the one it backs on, and so on)
 * and {@code cache} ({@code l2} or {@code refcount}). Those without a prefix have the names that Micrometer gives to the
 * meters of any cache. All are read off the caches' own counts when somebody asks: a look-up pays nothing for them.
 */
final class CacheMeters {

    /** What one meter says about a cache. */
    private record Reading(
            String name, String description, @Nullable String unit, Tags tags, ToDoubleFunction<CacheStats> value) {

        static Reading number(String name, String description, ToDoubleFunction<CacheStats> value) {
            return new Reading(name, description, null, Tags.empty(), value);
        }

        static Reading bytes(String name, String description, ToDoubleFunction<CacheStats> value) {
            return new Reading(name, description, "bytes", Tags.empty(), value);
        }

        static Reading gets(String result, ToDoubleFunction<CacheStats> value) {
            return new Reading("cache.gets", "Look-ups in the cache", null, Tags.of("result", result), value);
        }
    }

    private static final List<Reading> COUNTS = List.of(
            Reading.gets("hit", CacheStats::hits),
            Reading.gets("miss", CacheStats::misses),
            Reading.number("cache.puts", "Entries loaded into the cache", CacheStats::loads),
            Reading.number("cache.evictions", "Entries dropped to make room for others", CacheStats::evictions),
            Reading.bytes("cowslip.cache.loaded.bytes", "Read from the image to load entries", CacheStats::bytesLoaded),
            Reading.bytes(
                    "cowslip.cache.written.back.bytes",
                    "Written to the image to keep changed entries",
                    CacheStats::bytesWrittenBack),
            Reading.number(
                    "cowslip.cache.entries.cleaned",
                    "Entries dropped because they were idle",
                    CacheStats::entriesCleaned));

    private static final List<Reading> LEVELS = List.of(
            Reading.number("cache.size", "Entries in the cache", CacheStats::entriesResident),
            Reading.number(
                    "cowslip.cache.dirty.entries",
                    "Entries in the cache that the image does not have yet",
                    CacheStats::entriesDirty),
            Reading.bytes("cowslip.cache.resident.bytes", "Memory of the entries", CacheStats::residentBytes),
            Reading.bytes(
                    "cowslip.cache.logical.bytes",
                    "Size of the entries in the image, more than their memory where they are packed",
                    CacheStats::logicalBytes),
            Reading.bytes("cowslip.cache.limit.bytes", "Memory of a full cache", CacheStats::sizeBytes),
            Reading.bytes("cowslip.cache.covered.bytes", "Disk that a full cache maps", CacheStats::coversBytes),
            Reading.number("cowslip.cache.coverage", "Share of the disk that a full cache maps", CacheStats::coverage));

    private final MeterRegistry registry;
    private final Supplier<List<LayerStats>> layers;
    private final List<Meter> meters = new ArrayList<>();

    // Meters hold what they read off weakly.
    private final List<Source> sources = new ArrayList<>();

    CacheMeters(MeterRegistry registry, Tags drive, Supplier<List<LayerStats>> layers) {
        this.registry = registry;
        this.layers = layers;
        List<LayerStats> now = layers.get();
        for (int index = 0; index < now.size(); index++) {
            Tags layer = drive.and("layer", Integer.toString(index));
            addCache(index, LayerStats::l2, now.get(index), layer.and("cache", "l2"));
            addCache(index, LayerStats::refcounts, now.get(index), layer.and("cache", "refcount"));
        }
    }

    void remove() {
        meters.forEach(registry::remove);
    }

    /** Raw layers have no caches, and get no meters. */
    private void addCache(int index, Function<LayerStats, @Nullable CacheStats> cache, LayerStats layer, Tags tags) {
        CacheStats now = cache.apply(layer);
        if (now == null) {
            return;
        }
        Source source = new Source(index, cache, now);
        for (Reading count : COUNTS) {
            meters.add(FunctionCounter.builder(
                            count.name(), source, from -> count.value().applyAsDouble(from.read()))
                    .description(count.description())
                    .baseUnit(count.unit())
                    .tags(tags.and(count.tags()))
                    .register(registry));
        }
        for (Reading level : LEVELS) {
            meters.add(Gauge.builder(level.name(), source, from -> level.value().applyAsDouble(from.read()))
                    .description(level.description())
                    .baseUnit(level.unit())
                    .tags(tags.and(level.tags()))
                    .register(registry));
        }
        sources.add(source);
    }

    /** One cache. Keeps its last values for whoever asks while the drive closes, so that no count falls. */
    private final class Source {
        private final int layer;
        private final Function<LayerStats, @Nullable CacheStats> cache;
        private volatile CacheStats last;

        Source(int layer, Function<LayerStats, @Nullable CacheStats> cache, CacheStats last) {
            this.layer = layer;
            this.cache = cache;
            this.last = last;
        }

        CacheStats read() {
            List<LayerStats> now = layers.get();
            CacheStats stats = layer < now.size() ? cache.apply(now.get(layer)) : null;
            if (stats != null) {
                last = stats;
            }
            return last;
        }
    }
}
