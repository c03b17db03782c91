package io.cowslip.testing;

import io.cowslip.engine.host.HostFile;
import io.cowslip.engine.host.HostFiles;
import java.io.IOException;
import java.nio.file.Path;
import java.util.concurrent.atomic.AtomicInteger;

/** The real files of this machine, with the number of reads so far, each a wait that the guest feels, and
 * of punches. */
public final class CountingHostFiles implements HostFiles {
    private final AtomicInteger reads = new AtomicInteger();
    private final AtomicInteger punches = new AtomicInteger();

    @Override
    public HostFile open(Path path, Mode mode, PageCache pageCache) throws IOException {
        return new ObservedHostFile(HostFiles.posix().open(path, mode, pageCache), operation -> {
            if (operation == ObservedHostFile.Operation.READ) {
                reads.incrementAndGet();
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

    public int reads() {
        return reads.get();
    }
}
