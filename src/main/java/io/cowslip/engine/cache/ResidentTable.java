package io.cowslip.engine.cache;

import io.cowslip.engine.ImageException;
import io.cowslip.engine.format.BigEndian;
import io.cowslip.engine.host.HostFile;
import io.cowslip.engine.host.IoBuffers;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.util.BitSet;

/**
 * A table that is wholly in memory while its image is open: the L1 table or the refcount table. Neither counts towards
 * the cache sizes, as in QEMU. Entries are read by any thread; changes and write-back happen under the image's metadata
 * lock.
 */
public final class ResidentTable {
    private static final VarHandle ENTRIES = MethodHandles.arrayElementVarHandle(long[].class);
    private static final int SECTOR_ENTRIES = 64;
    private static final int CHUNK_BYTES = 1 << 20;

    private final String name;
    private final long hostOffset;
    private final long[] entries;
    private final BitSet dirtySectors = new BitSet();
    private Observer observer = (old, entry) -> {};

    /** Is told of an entry that changes. */
    @FunctionalInterface
    public interface Observer {
        void changes(long old, long entry);
    }

    private ResidentTable(String name, long hostOffset, long[] entries) {
        this.name = name;
        this.hostOffset = hostOffset;
        this.entries = entries;
    }

    /**
     * Reads a table.
     *
     * @param name what the table is called in messages
     * @throws ImageException CORRUPT when the file ends before the table does
     */
    public static ResidentTable read(String name, HostFile file, long hostOffset, int entryCount) throws IOException {
        long[] entries = new long[entryCount];
        try (IoBuffers.Loan loan = IoBuffers.borrow(CHUNK_BYTES)) {
            int chunkEntries = CHUNK_BYTES / Long.BYTES;
            for (int first = 0; first < entryCount; first += chunkEntries) {
                int count = Math.min(chunkEntries, entryCount - first);
                MemorySegment chunk = loan.segment((long) count * Long.BYTES);
                if (file.read(hostOffset + (long) first * Long.BYTES, chunk) < chunk.byteSize()) {
                    throw ImageException.of(
                            ImageException.Kind.CORRUPT,
                            file.path(),
                            "the " + name + " at " + hostOffset + " reaches past the end of the file");
                }
                MemorySegment.copy(chunk, BigEndian.LONG, 0, entries, first, count);
            }
        }
        return new ResidentTable(name, hostOffset, entries);
    }

    /** A longer table at another place, with this one's entries first and all of it yet to be written. */
    public ResidentTable movedTo(long newHostOffset, int entryCount) {
        ResidentTable moved = new ResidentTable(name, newHostOffset, java.util.Arrays.copyOf(entries, entryCount));
        moved.dirtySectors.set(0, Math.ceilDiv(entryCount, SECTOR_ENTRIES));
        return moved;
    }

    public long hostOffset() {
        return hostOffset;
    }

    public int entryCount() {
        return entries.length;
    }

    public long lengthBytes() {
        return (long) entries.length * Long.BYTES;
    }

    /** A copy of all entries. */
    public long[] entries() {
        return entries.clone();
    }

    /** The entry at {@code index}, with whatever was written before it was set visible as well. */
    public long entry(int index) {
        return (long) ENTRIES.getAcquire(entries, index);
    }

    /** Tells {@code other} of every change from now on, before others see it. Under the metadata lock. */
    public void observe(Observer other) {
        observer = other;
    }

    /** Sets an entry. It reaches the file with the next {@link #writeBack}. */
    public void set(int index, long entry) {
        observer.changes(entries[index], entry);
        ENTRIES.setRelease(entries, index, entry);
        dirtySectors.set(index / SECTOR_ENTRIES);
    }

    public boolean isDirty() {
        return !dirtySectors.isEmpty();
    }

    /** Writes the changed sectors. For the write barrier alone. A sector whose write fails stays dirty. */
    public void writeBack(HostFile file) throws IOException {
        try (IoBuffers.Loan loan = IoBuffers.borrow(CHUNK_BYTES)) {
            int first = dirtySectors.nextSetBit(0);
            while (first >= 0) {
                int chunkEnd = Math.min(dirtySectors.nextClearBit(first), first + CHUNK_BYTES / 512);
                writeSectors(file, first, chunkEnd, loan);
                dirtySectors.clear(first, chunkEnd);
                first = dirtySectors.nextSetBit(chunkEnd);
            }
        }
    }

    private void writeSectors(HostFile file, int firstSector, int endSector, IoBuffers.Loan loan) throws IOException {
        int first = firstSector * SECTOR_ENTRIES;
        int count = Math.min(endSector * SECTOR_ENTRIES, entries.length) - first;
        MemorySegment chunk = loan.segment((long) count * Long.BYTES);
        MemorySegment.copy(entries, first, chunk, BigEndian.LONG, 0, count);
        file.write(hostOffset + (long) first * Long.BYTES, chunk);
    }
}
