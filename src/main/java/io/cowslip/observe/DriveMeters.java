package io.cowslip.observe;

import io.cowslip.drive.DriveId;
import io.cowslip.drive.registry.DriveObserver;
import io.cowslip.engine.image.layer.LayerStats;
import io.micrometer.core.instrument.DistributionSummary;
import io.micrometer.core.instrument.MeterRegistry;
import io.micrometer.core.instrument.Tags;
import io.micrometer.core.instrument.Timer;
import java.util.EnumMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.TimeUnit;
import java.util.function.Supplier;

/**
 * The meters of every open drive: {@code cowslip.drive.operations} with its latencies, {@code cowslip.drive.bytes},
 * {@code cowslip.cache.clean}, and those of each layer's caches ({@link CacheMeters}). They come with the drive and go
 * with it, so the number of time series is bound by the drives that are open.
 */
final class DriveMeters implements DriveObserver {
    private final MeterRegistry registry;
    private final Map<DriveId, OneDrive> drives = new ConcurrentHashMap<>();

    DriveMeters(MeterRegistry registry) {
        this.registry = registry;
    }

    @Override
    public void opened(DriveId id, Supplier<List<LayerStats>> layers) {
        drives.put(id, new OneDrive(registry, id, layers));
    }

    @Override
    public void closed(DriveId id) {
        OneDrive drive = drives.remove(id);
        if (drive != null) {
            drive.remove();
        }
    }

    @Override
    public void completed(DriveId id, Operation operation, long bytes, long nanos) {
        OneDrive drive = drives.get(id);
        if (drive != null) {
            drive.completed(operation, bytes, nanos);
        }
    }

    @Override
    public void cleaned(DriveId id, long nanos) {
        OneDrive drive = drives.get(id);
        if (drive != null) {
            drive.cleaned(nanos);
        }
    }

    private static final class OneDrive {
        private final MeterRegistry registry;
        private final Map<Operation, Timer> times = new EnumMap<>(Operation.class);
        private final Map<Operation, DistributionSummary> bytes = new EnumMap<>(Operation.class);
        private final Timer cleanings;
        private final CacheMeters caches;

        OneDrive(MeterRegistry registry, DriveId id, Supplier<List<LayerStats>> layers) {
            this.registry = registry;
            Tags drive = Tags.of("drive", id.value());
            for (Operation operation : Operation.values()) {
                Tags tags = drive.and("operation", operation.name().toLowerCase(Locale.ROOT));
                times.put(operation, operationTimer(registry, tags));
                if (operation != Operation.FLUSH) {
                    bytes.put(operation, operationBytes(registry, tags));
                }
            }
            cleanings = Timer.builder("cowslip.cache.clean")
                    .description("Runs that dropped idle entries of the drive's caches")
                    .tags(drive)
                    .register(registry);
            caches = new CacheMeters(registry, drive, layers);
        }

        private static Timer operationTimer(MeterRegistry registry, Tags tags) {
            return Timer.builder("cowslip.drive.operations")
                    .description("Requests that did their work on the drive's bytes")
                    .tags(tags)
                    .register(registry);
        }

        private static DistributionSummary operationBytes(MeterRegistry registry, Tags tags) {
            return DistributionSummary.builder("cowslip.drive.bytes")
                    .description("Bytes of the drive that a request read, wrote, zeroed or discarded")
                    .baseUnit("bytes")
                    .tags(tags)
                    .register(registry);
        }

        void completed(Operation operation, long length, long nanos) {
            Timer timer = times.get(operation);
            if (timer != null) {
                timer.record(nanos, TimeUnit.NANOSECONDS);
            }
            DistributionSummary summary = bytes.get(operation);
            if (summary != null) {
                summary.record(length);
            }
        }

        void cleaned(long nanos) {
            cleanings.record(nanos, TimeUnit.NANOSECONDS);
        }

        void remove() {
            times.values().forEach(registry::remove);
            bytes.values().forEach(registry::remove);
            registry.remove(cleanings);
            caches.remove();
        }
    }
}
