package io.cowslip.testing;

import io.cowslip.engine.ImageException;
import io.cowslip.engine.host.HostFile;
import io.cowslip.engine.host.HostFiles;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Set;

/**
 * Files over others that refuse some operations, as a bad or full disk does. Refusals are armed by how many operations
 * are still to go through; a refused write leaves its first half behind. Any thread.
 */
public final class FaultyHostFiles implements HostFiles {
    private static final Set<ObservedHostFile.Operation> GROWING = Set.of(
            ObservedHostFile.Operation.WRITE, ObservedHostFile.Operation.ZERO, ObservedHostFile.Operation.TRUNCATE);

    private final HostFiles files;
    private ImageException.Kind kind = ImageException.Kind.IO;
    private long remaining = Long.MAX_VALUE;
    private int refusals;
    private int refused;
    private boolean syncRefused;
    private boolean onlyReads;
    private int operations;
    private int growingOperations;

    public FaultyHostFiles(HostFiles files) {
        this.files = files;
    }

    /**
     * After {@code operations} more, the next {@code times} fail with {@code kind}. With NO_SPACE only those that could
     * need space fail.
     */
    public synchronized void failAfter(long operations, int times, ImageException.Kind failure) {
        kind = failure;
        remaining = operations;
        refusals = times;
        syncRefused = false;
        onlyReads = false;
    }

    /** After so many more reads, the next one fails. */
    public synchronized void failReadAfter(long reads) {
        failAfter(reads, 1, ImageException.Kind.IO);
        onlyReads = true;
    }

    /** Nothing fails any more. */
    public synchronized void heal() {
        remaining = Long.MAX_VALUE;
        refusals = 0;
    }

    /** How many operations there were that could fail with {@code failure}. */
    public synchronized int operations(ImageException.Kind failure) {
        return failure == ImageException.Kind.NO_SPACE ? growingOperations : operations;
    }

    /** How many operations were refused so far. */
    public synchronized int refused() {
        return refused;
    }

    /** Whether a sync was among the operations refused since the last {@link #failAfter}. */
    public synchronized boolean syncRefused() {
        return syncRefused;
    }

    @Override
    public HostFile open(Path path, Mode mode, PageCache pageCache) throws IOException {
        return new ObservedHostFile(
                files.open(path, mode, pageCache), (operation, lengthBytes) -> before(path, operation));
    }

    @Override
    public void syncFolder(Path folder) throws IOException {
        before(folder, ObservedHostFile.Operation.SYNC);
        files.syncFolder(folder);
    }

    private synchronized void before(Path path, ObservedHostFile.Operation operation) throws ImageException {
        operations++;
        growingOperations += GROWING.contains(operation) ? 1 : 0;
        if (kind == ImageException.Kind.NO_SPACE && !GROWING.contains(operation)) {
            return;
        }
        if (onlyReads && operation != ObservedHostFile.Operation.READ) {
            return;
        }
        if (refusals == 0 || remaining-- > 0) {
            return;
        }
        refusals--;
        refused++;
        syncRefused |= operation == ObservedHostFile.Operation.SYNC;
        throw ImageException.of(kind, path, "an injected failure of " + operation);
    }
}
