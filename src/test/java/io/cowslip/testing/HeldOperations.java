package io.cowslip.testing;

import io.cowslip.engine.ImageException;
import io.cowslip.engine.host.HostFile;
import io.cowslip.engine.host.HostFiles;
import java.io.IOException;
import java.nio.file.Path;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;
import org.jspecify.annotations.Nullable;

/**
 * The real files of this machine, where one operation can be kept waiting while others go on, and refused afterwards.
 * Counts syncs. Any thread.
 */
public final class HeldOperations implements HostFiles {

    /** What can be held. */
    public enum Kind {
        READ(ObservedHostFile.Operation.READ),
        WRITE(ObservedHostFile.Operation.WRITE),
        SYNC(ObservedHostFile.Operation.SYNC);

        private final ObservedHostFile.Operation operation;

        Kind(ObservedHostFile.Operation operation) {
            this.operation = operation;
        }
    }

    /** One operation that waits, or will. */
    public static final class Hold {
        private final Kind kind;
        private final AtomicInteger skipped;
        private final CountDownLatch reached = new CountDownLatch(1);
        private final CountDownLatch released = new CountDownLatch(1);
        private volatile boolean refused;

        private Hold(Kind kind, int skipped) {
            this.kind = kind;
            this.skipped = new AtomicInteger(skipped);
        }

        /** Whether somebody waits here, or has waited. */
        public boolean isReached() {
            return reached.getCount() == 0;
        }

        /** Returns once somebody waits here. */
        public void awaitReached() throws InterruptedException {
            reached.await();
        }

        public void release() {
            released.countDown();
        }

        /** Lets the operation fail. */
        public void refuse() {
            refused = true;
            released.countDown();
        }
    }

    private final @Nullable Path only;
    private final AtomicReference<@Nullable Hold> next = new AtomicReference<>();
    private final AtomicInteger syncs = new AtomicInteger();

    public HeldOperations() {
        this(null);
    }

    /** @param only the file whose operations are held; null: any */
    public HeldOperations(@Nullable Path only) {
        this.only = only;
    }

    /** The next operation of this kind waits; those after it do not. */
    public Hold holdNext(Kind kind) {
        return holdAfter(0, kind);
    }

    /** The same after {@code skipped} operations of this kind. */
    public Hold holdAfter(int skipped, Kind kind) {
        Hold hold = new Hold(kind, skipped);
        next.set(hold);
        return hold;
    }

    public int syncs() {
        return syncs.get();
    }

    @Override
    public HostFile open(Path path, Mode mode, PageCache pageCache) throws IOException {
        return new ObservedHostFile(
                HostFiles.posix().open(path, mode, pageCache), (operation, lengthBytes) -> before(path, operation));
    }

    @Override
    public void syncFolder(Path folder) throws IOException {
        HostFiles.posix().syncFolder(folder);
    }

    private void before(Path path, ObservedHostFile.Operation operation) throws IOException {
        if (operation == ObservedHostFile.Operation.SYNC) {
            syncs.incrementAndGet();
        }
        Hold hold = next.get();
        boolean elsewhere = only != null && !only.equals(path);
        if (hold == null || elsewhere || hold.kind.operation != operation || hold.skipped.getAndDecrement() > 0) {
            return;
        }
        if (!next.compareAndSet(hold, null)) {
            return;
        }
        hold.reached.countDown();
        try {
            hold.released.await();
        } catch (InterruptedException e) {
            throw new IOException("interrupted while held", e);
        }
        if (hold.refused) {
            throw ImageException.of(ImageException.Kind.IO, path, "an injected failure of " + operation);
        }
    }
}
