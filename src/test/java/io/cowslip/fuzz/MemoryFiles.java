package io.cowslip.fuzz;

import io.cowslip.engine.ImageException;
import io.cowslip.engine.ImageException.Kind;
import io.cowslip.engine.host.FileIdentity;
import io.cowslip.engine.host.HostFile;
import io.cowslip.engine.host.HostFiles;
import io.cowslip.engine.host.ImageLock;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;

/**
 * A host with its files in memory, which counts what is asked of it: more operations than any small image is worth are a
 * failure, and so is a file that stays open.
 */
public final class MemoryFiles implements HostFiles, AutoCloseable {
    /** Reads, writes and looks, and every 64 KiB of them, for all that is done with one input. */
    private static final long FEW_OPERATIONS = 100_000;

    /** A walk through a table takes more, as far as there is a table in the file: the shortest entries have so much. */
    private static final int BYTES_OF_AN_ENTRY = 4;

    private static final long BYTES_OF_AN_OPERATION = 64 << 10;

    private final Map<Path, MemoryFile> files = new LinkedHashMap<>();
    private final AtomicLong operations = new AtomicLong();
    private long mostOperations = FEW_OPERATIONS;
    private final AtomicInteger open = new AtomicInteger();

    /** Adds a file, or puts another in its place. */
    public Path put(String name, byte[] content) {
        return put(name, content, content.length);
    }

    /** The same, with zeros behind the content up to {@code sizeBytes}. */
    public Path put(String name, byte[] content, long sizeBytes) {
        Path path = Path.of("/memory", name);
        files.put(path, new MemoryFile(content, sizeBytes));
        mostOperations += sizeBytes / BYTES_OF_AN_ENTRY;
        return path;
    }

    /** Puts bytes in the place of what a file has. */
    public void patch(Path path, long offset, byte[] bytes) {
        file(path).patch(offset, bytes);
    }

    /** Has every change of a file's bytes looked at before it is made. */
    void guard(Path path, MemoryFile.Guard guard) {
        file(path).guard(guard);
    }

    /** All that a file has. */
    public byte[] content(Path path) {
        return file(path).content();
    }

    private MemoryFile file(Path path) {
        MemoryFile file = files.get(path);
        if (file == null) {
            throw new AssertionError("there is no " + path);
        }
        return file;
    }

    /** Fails where a file is open still. */
    @Override
    public void close() {
        if (open.get() != 0) {
            throw new AssertionError(open.get() + " files were left open");
        }
    }

    @Override
    public HostFile open(Path path, Mode mode, PageCache pageCache) throws ImageException {
        if (mode == Mode.CREATE_NEW) {
            files.put(path, new MemoryFile(new byte[0], 0));
        }
        MemoryFile file = files.get(path);
        if (file == null) {
            throw ImageException.of(Kind.NOT_FOUND, path, "there is no such file");
        }
        open.incrementAndGet();
        return new Opened(path, file, new FileIdentity(1, System.identityHashCode(file)));
    }

    @Override
    public void syncFolder(Path folder) {}

    private void count(long lengthBytes) {
        if (operations.addAndGet(1 + lengthBytes / BYTES_OF_AN_OPERATION) > mostOperations) {
            throw new AssertionError("more than " + mostOperations + " operations for one input");
        }
    }

    private final class Opened implements HostFile {
        private final Path path;
        private final MemoryFile file;
        private final FileIdentity identity;
        private boolean closed;

        Opened(Path path, MemoryFile file, FileIdentity identity) {
            this.path = path;
            this.file = file;
            this.identity = identity;
        }

        @Override
        public Path path() {
            return path;
        }

        @Override
        public FileIdentity identity() {
            return identity;
        }

        @Override
        public long read(long hostOffset, MemorySegment into) {
            count(into.byteSize());
            return file.read(hostOffset, into);
        }

        @Override
        public void write(long hostOffset, MemorySegment from) {
            count(from.byteSize());
            file.write(hostOffset, from);
        }

        @Override
        public void zero(long hostOffset, long lengthBytes) {
            count(0);
            file.zero(hostOffset, lengthBytes);
        }

        @Override
        public void punch(long hostOffset, long lengthBytes) {
            count(0);
            file.punch(hostOffset, lengthBytes);
        }

        @Override
        public void sync() {
            count(0);
        }

        @Override
        public long sizeBytes() {
            return file.sizeBytes();
        }

        @Override
        public void truncate(long sizeBytes) {
            count(0);
            file.truncate(sizeBytes);
        }

        @Override
        public long nextData(long hostOffset) {
            count(0);
            return Math.min(hostOffset, file.sizeBytes());
        }

        @Override
        public long nextHole(long hostOffset) {
            count(0);
            return Math.max(hostOffset, file.sizeBytes());
        }

        @Override
        public long allocatedBytes() {
            return file.sizeBytes();
        }

        @Override
        public void lock(ImageLock lock) {}

        @Override
        public void unlock() {}

        @Override
        public synchronized void close() {
            if (!closed) {
                closed = true;
                open.decrementAndGet();
            }
        }
    }
}
