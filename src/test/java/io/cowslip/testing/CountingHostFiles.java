package io.cowslip.testing;

import io.cowslip.engine.host.HostFile;
import io.cowslip.engine.host.HostFiles;
import java.io.IOException;
import java.nio.file.Path;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;

/**
 * The real files of this machine, with the number of reads so far, each a wait that the guest feels, their bytes, and
 * the number of punches.
 */
public final class CountingHostFiles implements HostFiles {
    private final AtomicInteger reads = new AtomicInteger();
    private final AtomicLong bytesRead = new AtomicLong();
    private final AtomicInteger punches = new AtomicInteger();

    @Override
    public HostFile open(Path path, Mode mode, PageCache pageCache) throws IOException {
        return new ObservedHostFile(HostFiles.posix().open(path, mode, pageCache), (operation, lengthBytes) -> {
            if (operation == ObservedHostFile.Operation.READ) {
                reads.incrementAndGet();
                bytesRead.addAndGet(lengthBytes);
            } else if (operation == ObservedHostFile.Operation.PUNCH) {
                punches.incrementAndGet();
            }
        });
    }

    @Override
    public void syncFolder(Path folder) throws IOException {
        HostFiles.posix().syncFolder(folder);
    }

    public int punches() {
        return punches.get();
    }

    /** Bytes that were asked for. */
    public long bytesRead() {
        return bytesRead.get();
    }

    public int reads() {
        return reads.get();
    }
}
