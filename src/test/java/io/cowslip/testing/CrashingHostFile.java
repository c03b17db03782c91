package io.cowslip.testing;

import io.cowslip.engine.host.FileIdentity;
import io.cowslip.engine.host.HostFile;
import io.cowslip.engine.host.ImageLock;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Path;

/** One opening of a file of {@link CrashingHostFiles}. All of the file counts as data, and every lock is granted. */
final class CrashingHostFile implements HostFile {
    private final Path path;
    private final boolean writable;
    private final CrashingHostFiles files;

    CrashingHostFile(Path path, boolean writable, CrashingHostFiles files) {
        this.path = path;
        this.writable = writable;
        this.files = files;
    }

    @Override
    public Path path() {
        return path;
    }

    @Override
    public FileIdentity identity() {
        return new FileIdentity(0, path.hashCode());
    }

    @Override
    public long read(long hostOffset, MemorySegment into) {
        byte[] bytes = new byte[Math.toIntExact(into.byteSize())];
        int length = files.read(path, hostOffset, bytes);
        MemorySegment.copy(bytes, 0, into, ValueLayout.JAVA_BYTE, 0, length);
        return length;
    }

    @Override
    public void write(long hostOffset, MemorySegment from) {
        change(new HostOperation.Write(path, hostOffset, from.toArray(ValueLayout.JAVA_BYTE)));
    }

    @Override
    public void zero(long hostOffset, long lengthBytes) {
        change(new HostOperation.Zero(path, hostOffset, lengthBytes));
    }

    @Override
    public void punch(long hostOffset, long lengthBytes) {
        change(new HostOperation.Punch(path, hostOffset, lengthBytes));
    }

    @Override
    public void truncate(long sizeBytes) {
        change(new HostOperation.Truncate(path, sizeBytes));
    }

    private void change(HostOperation operation) {
        if (!writable) {
            throw new AssertionError(operation + " on a file that was opened for reading");
        }
        files.perform(operation);
    }

    @Override
    public void sync() {
        files.perform(new HostOperation.Sync(path));
    }

    @Override
    public long sizeBytes() {
        return files.size(path);
    }

    @Override
    public long nextData(long hostOffset) {
        return Math.min(hostOffset, files.size(path));
    }

    @Override
    public long nextHole(long hostOffset) {
        return files.size(path);
    }

    @Override
    public long allocatedBytes() {
        return files.size(path);
    }

    @Override
    public void lock(ImageLock lock) {
        // Nobody else has these files.
    }

    @Override
    public void unlock() {
        // There are none.
    }

    @Override
    public void close() {
        // The content outlives the opening, as a file does.
    }
}
