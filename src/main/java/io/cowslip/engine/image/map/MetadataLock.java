package io.cowslip.engine.image.map;

import io.cowslip.engine.ImageException;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Objects;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;
import org.jspecify.annotations.Nullable;

/**
 * The one lock behind which all metadata of an image changes: entries, tables and counts. A change that takes several steps
 * gives it up between them. A step is refused once the image takes no more writes, and one that finds metadata corrupt is
 * the last. The data I/O of a write and the last sync of a flush are not held up by it, nor is any read. Where it stands
 * among the other locks, the documentation of {@code io.cowslip.engine.image} says.
 */
public final class MetadataLock {
    private final ReentrantLock lock = new ReentrantLock();
    private final Path image;
    private final WriteBarrier barrier;

    /** @param image the file that the metadata is in */
    public MetadataLock(Path image, WriteBarrier barrier) {
        this.image = image;
        this.barrier = barrier;
    }

    /** One step. */
    @FunctionalInterface
    public interface Change {
        /** Makes it. */
        void make() throws IOException;
    }

    /** A step with something to tell. */
    @FunctionalInterface
    public interface Action<T> {
        /** Takes it; null where there is nothing to tell. */
        @Nullable
        T take() throws IOException;
    }

    /**
     * Makes {@code change} while nothing else changes metadata.
     *
     * @throws ImageException what stopped the image, once it takes no more writes
     */
    public void during(Change change) throws IOException {
        stepOrNull(() -> {
            change.make();
            return null;
        });
    }

    /** The same with something to tell. */
    public <T> T step(Action<T> action) throws IOException {
        return Objects.requireNonNull(stepOrNull(action));
    }

    /** The same with something to tell, or nothing. */
    public <T> @Nullable T stepOrNull(Action<T> action) throws IOException {
        lock.lock();
        try {
            barrier.requireSound();
            return action.take();
        } catch (ImageException failure) {
            throw stoppingIfCorrupt(failure);
        } finally {
            lock.unlock();
        }
    }

    /** Ends what was begun, also when the image takes no more writes: others may be waiting for its end. */
    public void ending(Change end) throws IOException {
        lock.lock();
        try {
            end.make();
        } catch (ImageException failure) {
            throw stoppingIfCorrupt(failure);
        } finally {
            lock.unlock();
        }
    }

    /** Runs what changes no metadata while nothing else does, also when the image takes no more writes. */
    public void whileNothingChanges(Runnable action) {
        lock.lock();
        try {
            action.run();
        } finally {
            lock.unlock();
        }
    }

    /** What somebody who holds the lock may wait for, which gives it up meanwhile. */
    public Condition newCondition() {
        return lock.newCondition();
    }

    /** Metadata that contradicts itself must not be built upon: the image takes no more writes. Any thread, without the lock. */
    public ImageException stoppingIfCorrupt(ImageException failure) {
        // What lies below may be corrupt as well, and compressed data, which is not metadata.
        if (failure.kind() == ImageException.Kind.CORRUPT && image.equals(failure.path())) {
            barrier.markCorrupt(failure);
        }
        return failure;
    }
}
