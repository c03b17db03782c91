package io.cowslip.testing;

import io.cowslip.engine.host.FileIdentity;
import io.cowslip.engine.host.HostFile;
import io.cowslip.engine.host.ImageLock;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;

/** A host file whose every operation is shown to somebody first, who may refuse it. */
class ObservedHostFile implements HostFile {

    /** What is about to be done to the file. */
    enum Operation {
        READ,
        WRITE,
        ZERO,
        PUNCH,
        SYNC,
        TRUNCATE
    }

    /** Who sees each operation before it is done. */
    @FunctionalInterface
    interface Observer {
        /** @param lengthBytes bytes that it is about; 0 where it is about the whole file */
        void before(Operation operation, long lengthBytes) throws IOException;
    }

    private static final int SECTOR = 512;

    private final HostFile file;
    private final Observer observer;

    ObservedHostFile(HostFile file, Observer observer) {
        this.file = file;
        this.observer = observer;
    }

    @Override
    public Path path() {
        return file.path();
    }

    @Override
    public FileIdentity identity() {
        return file.identity();
    }

    @Override
    public long read(long hostOffset, MemorySegment into) throws IOException {
        observer.before(Operation.READ, into.byteSize());
        return file.read(hostOffset, into);
    }

    @Override
    public void write(long hostOffset, MemorySegment from) throws IOException {
        try {
            observer.before(Operation.WRITE, from.byteSize());
        } catch (IOException e) {
            writeBeginning(hostOffset, from);
            throw e;
        }
        file.write(hostOffset, from);
    }

    /** A host that fails in the middle of a write has done some sectors of it. */
    private void writeBeginning(long hostOffset, MemorySegment from) throws IOException {
        long end = (hostOffset + from.byteSize() / 2) / SECTOR * SECTOR;
        if (end > hostOffset) {
            file.write(hostOffset, from.asSlice(0, end - hostOffset));
        }
    }

    @Override
    public void zero(long hostOffset, long lengthBytes) throws IOException {
        observer.before(Operation.ZERO, lengthBytes);
        file.zero(hostOffset, lengthBytes);
    }

    @Override
    public void punch(long hostOffset, long lengthBytes) throws IOException {
        observer.before(Operation.PUNCH, lengthBytes);
        file.punch(hostOffset, lengthBytes);
    }

    @Override
    public void sync() throws IOException {
        observer.before(Operation.SYNC, 0);
        file.sync();
    }

    @Override
    public long sizeBytes() throws IOException {
        return file.sizeBytes();
    }

    @Override
    public void truncate(long sizeBytes) throws IOException {
        observer.before(Operation.TRUNCATE, 0);
        file.truncate(sizeBytes);
    }

    @Override
    public long nextData(long hostOffset) throws IOException {
        return file.nextData(hostOffset);
    }

    @Override
    public long nextHole(long hostOffset) throws IOException {
        return file.nextHole(hostOffset);
    }

    @Override
    public long allocatedBytes() throws IOException {
        return file.allocatedBytes();
    }

    @Override
    public void lock(ImageLock lock) throws IOException {
        file.lock(lock);
    }

    @Override
    public void unlock() throws IOException {
        file.unlock();
    }

    @Override
    public void close() throws IOException {
        file.close();
    }
}
