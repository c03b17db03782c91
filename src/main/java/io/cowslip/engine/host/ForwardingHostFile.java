package io.cowslip.engine.host;

import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;

/**
 * A host file that does what another does, for those that do a few things differently. Its pages go nowhere without a
 * copy ({@link #transferTo}), so that whatever {@link #read} is made to do happens to every byte.
 */
public abstract class ForwardingHostFile implements HostFile {
    private final HostFile file;

    protected ForwardingHostFile(HostFile file) {
        this.file = file;
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
        return file.read(hostOffset, into);
    }

    @Override
    public void write(long hostOffset, MemorySegment from) throws IOException {
        file.write(hostOffset, from);
    }

    @Override
    public void zero(long hostOffset, long lengthBytes) throws IOException {
        file.zero(hostOffset, lengthBytes);
    }

    @Override
    public void punch(long hostOffset, long lengthBytes) throws IOException {
        file.punch(hostOffset, lengthBytes);
    }

    @Override
    public void sync() throws IOException {
        file.sync();
    }

    @Override
    public void forgetPages() {
        file.forgetPages();
    }

    @Override
    public long sizeBytes() throws IOException {
        return file.sizeBytes();
    }

    @Override
    public void truncate(long sizeBytes) throws IOException {
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
