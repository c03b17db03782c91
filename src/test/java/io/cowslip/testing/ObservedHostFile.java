package io.cowslip.testing;

import io.cowslip.engine.host.ForwardingHostFile;
import io.cowslip.engine.host.HostFile;
import java.io.IOException;
import java.lang.foreign.MemorySegment;

/** A host file whose every operation is shown to somebody first, who may refuse it. */
final class ObservedHostFile extends ForwardingHostFile {

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

    private final Observer observer;

    ObservedHostFile(HostFile file, Observer observer) {
        super(file);
        this.observer = observer;
    }

    @Override
    public long read(long hostOffset, MemorySegment into) throws IOException {
        observer.before(Operation.READ, into.byteSize());
        return super.read(hostOffset, into);
    }

    @Override
    public void write(long hostOffset, MemorySegment from) throws IOException {
        try {
            observer.before(Operation.WRITE, from.byteSize());
        } catch (IOException e) {
            writeBeginning(hostOffset, from);
            throw e;
        }
        super.write(hostOffset, from);
    }

    /** A host that fails in the middle of a write has done some sectors of it. */
    private void writeBeginning(long hostOffset, MemorySegment from) throws IOException {
        long end = (hostOffset + from.byteSize() / 2) / SECTOR * SECTOR;
        if (end > hostOffset) {
            super.write(hostOffset, from.asSlice(0, end - hostOffset));
        }
    }

    @Override
    public void zero(long hostOffset, long lengthBytes) throws IOException {
        observer.before(Operation.ZERO, lengthBytes);
        super.zero(hostOffset, lengthBytes);
    }

    @Override
    public void punch(long hostOffset, long lengthBytes) throws IOException {
        observer.before(Operation.PUNCH, lengthBytes);
        super.punch(hostOffset, lengthBytes);
    }

    @Override
    public void sync() throws IOException {
        observer.before(Operation.SYNC, 0);
        super.sync();
    }

    @Override
    public void truncate(long sizeBytes) throws IOException {
        observer.before(Operation.TRUNCATE, 0);
        super.truncate(sizeBytes);
    }
}
