package io.cowslip.testing;

import io.cowslip.engine.host.HostFile;
import io.cowslip.engine.host.HostFiles;
import java.io.IOException;
import java.nio.file.Path;

/**
 * Files over others that take their time with every operation of one thread: while it waits for the answer, something
 * else is done. Operations of other threads take no longer than they do.
 */
public final class SlowHostFiles implements HostFiles {
    private final HostFiles files;
    private final Thread guest = Thread.currentThread();
    private final Meanwhile meanwhile;

    /** What is done while the thread waits. */
    @FunctionalInterface
    public interface Meanwhile {
        /** @param reads whether what takes so long is a read */
        void run(boolean reads) throws IOException;
    }

    /** Files that are slow for the thread that makes this. */
    public SlowHostFiles(HostFiles files, Meanwhile meanwhile) {
        this.files = files;
        this.meanwhile = meanwhile;
    }

    @Override
    public HostFile open(Path path, Mode mode, PageCache pageCache) throws IOException {
        return new ObservedHostFile(files.open(path, mode, pageCache), (operation, lengthBytes) -> before(operation));
    }

    @Override
    public void syncFolder(Path folder) throws IOException {
        before(ObservedHostFile.Operation.SYNC);
        files.syncFolder(folder);
    }

    private void before(ObservedHostFile.Operation operation) throws IOException {
        if (Thread.currentThread().equals(guest)) {
            meanwhile.run(operation == ObservedHostFile.Operation.READ);
        }
    }
}
