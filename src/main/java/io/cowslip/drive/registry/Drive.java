package io.cowslip.drive.registry;

import io.cowslip.drive.DriveId;
import io.cowslip.drive.volume.ImageRoot;
import io.cowslip.engine.image.DiskImage;
import io.cowslip.engine.image.layer.LayerStats;
import io.cowslip.engine.image.options.ImageOptions;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.ReentrantLock;
import java.util.concurrent.locks.StampedLock;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/**
 * One open image with its gate. Reconfigurations take turns; requests only pass the gate. The image closes once, after
 * the gate has drained.
 */
final class Drive {
    private final DriveId id;
    private final String file;
    private final DiskImage image;
    private final ImageRoot root;
    private final String tag;
    private final DriveKeeping keeping;
    private final LeaseGate gate = new LeaseGate();
    private final ReentrantLock turn = new ReentrantLock();
    private final StampedLock changes = new StampedLock();
    private final CountDownLatch gone = new CountDownLatch(1);
    private volatile Asked asked;

    /**
     * What the drive was asked to be.
     *
     * @param options as asked for, without defaults
     * @param generation one more with each reconfiguration
     */
    private record Asked(ImageOptions options, long generation) {}

    /** @param tag not used by any other opening, of this image or another */
    Drive(
            DriveId id,
            String file,
            DiskImage image,
            ImageOptions asked,
            ImageRoot root,
            String tag,
            DriveKeeping keeping) {
        this.id = id;
        this.file = file;
        this.image = image;
        this.root = root;
        this.tag = tag;
        this.keeping = keeping;
        this.asked = new Asked(asked, 0);
    }

    DriveId id() {
        return id;
    }

    /** The image, relative to the image root. */
    String file() {
        return file;
    }

    DriveKeeping keeping() {
        return keeping;
    }

    /** Held while the drive is reconfigured. */
    ReentrantLock turn() {
        return turn;
    }

    /** One request's hold on the drive; null once the drive is closing. */
    @Nullable
    DriveLease leaseUnlessClosing() {
        return gate.enter() ? new Lease() : null;
    }

    Optional<DriveView> viewUnlessClosing() {
        return unlessClosing(this::view);
    }

    /** As the drive is now; the caller holds a lease. */
    DriveView view() {
        List<LayerStats> layers = heldLayers();
        return new DriveView(
                id,
                file,
                image.options(),
                image.virtualSizeBytes(),
                layers,
                layers.stream().map(layer -> root.relativeName(layer.file())).toList(),
                tag + "." + asked.generation() + "." + corruptLayers(layers),
                keeping);
    }

    /** Goes up when a layer is found corrupt, which makes a drive read-only: what is shown is another then. */
    private static long corruptLayers(List<LayerStats> layers) {
        return layers.stream().filter(LayerStats::corrupt).count();
    }

    /** The options as asked for; they stay while the caller holds the turn. */
    ImageOptions asked() {
        return asked.options();
    }

    /** Notes a reconfiguration that is done; the caller holds the turn. */
    void reconfigured(ImageOptions options) {
        asked = new Asked(options, asked.generation() + 1);
    }

    /** The layers as they are now, or nothing once the drive is closing. */
    List<LayerStats> layers() {
        return unlessClosing(this::heldLayers).orElse(List.of());
    }

    private List<LayerStats> heldLayers() {
        try {
            return image.layers();
        } catch (IOException e) {
            throw new UncheckedIOException("The host cannot say how large the files of drive " + id + " are", e);
        }
    }

    /** Drops idle cache entries; false once the drive is closing. */
    boolean cleanCaches() {
        return unlessClosing(() -> {
                    image.cleanCaches();
                    return true;
                })
                .orElse(false);
    }

    private <T> Optional<T> unlessClosing(Supplier<T> use) {
        if (!gate.enter()) {
            return Optional.empty();
        }
        try {
            return Optional.of(use.get());
        } finally {
            gate.leave();
        }
    }

    /** Lets no request in from now on; false if another caller did so before and closes the drive. */
    boolean shut() {
        return gate.close();
    }

    void awaitLeases() {
        gate.awaitDrained();
    }

    boolean awaitLeases(long nanos) throws InterruptedException {
        return gate.awaitDrained(nanos);
    }

    /** Writes out what the image holds, for when requests that do not end keep it from being closed. */
    void flush() throws IOException {
        image.flush();
    }

    /** Closes the image; the gate is drained. */
    void close() throws IOException {
        image.close();
    }

    /** Tells those who wait for another caller's closing. */
    void markGone() {
        gone.countDown();
    }

    boolean awaitGone(long nanos) throws InterruptedException {
        return gone.await(nanos, TimeUnit.NANOSECONDS);
    }

    /** One request's hold on the drive; used by the thread that took it. */
    private final class Lease implements DriveLease {
        private boolean closed;

        @Override
        public DriveId id() {
            return id;
        }

        @Override
        public DiskImage image() {
            if (closed) {
                throw new IllegalStateException("the lease on drive " + id + " is closed");
            }
            return image;
        }

        @Override
        public String dataVersion() {
            return tag + "-" + Long.toHexString(image().changeCount());
        }

        @Override
        public Change change(boolean alone) {
            long stamp = alone ? changes.writeLock() : changes.readLock();
            return () -> changes.unlock(stamp);
        }

        @Override
        public void close() {
            if (!closed) {
                closed = true;
                gate.leave();
            }
        }
    }
}
