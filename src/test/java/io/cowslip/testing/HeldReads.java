package io.cowslip.testing;

import io.cowslip.engine.host.HostFile;
import io.cowslip.engine.host.HostFiles;
import java.io.IOException;
import java.nio.file.Path;
import java.util.concurrent.CountDownLatch;

/** The real files of this machine, of which one keeps its readers waiting from {@link #hold} to {@link #release}. */
public final class HeldReads implements HostFiles {
    private final Path slow;
    private final CountDownLatch reached = new CountDownLatch(1);
    private final CountDownLatch released = new CountDownLatch(1);
    private volatile boolean holding;

    public HeldReads(Path slow) {
        this.slow = slow;
    }

    @Override
    public HostFile open(Path path, Mode mode, PageCache pageCache) throws IOException {
        HostFile file = HostFiles.posix().open(path, mode, pageCache);
        return path.equals(slow) ? new ObservedHostFile(file, this::before) : file;
    }

    @Override
    public void syncFolder(Path folder) throws IOException {
        HostFiles.posix().syncFolder(folder);
    }

    /** Keeps every read from now on waiting. */
    public void hold() {
        holding = true;
    }

    /** Returns once a reader waits. */
    public void awaitReader() throws InterruptedException {
        reached.await();
    }

    public void release() {
        released.countDown();
    }

    private void before(ObservedHostFile.Operation operation) throws IOException {
        if (!holding || operation != ObservedHostFile.Operation.READ) {
            return;
        }
        reached.countDown();
        try {
            released.await();
        } catch (InterruptedException e) {
            throw new IOException("interrupted while held", e);
        }
    }
}
