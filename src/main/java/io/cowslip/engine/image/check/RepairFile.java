package io.cowslip.engine.image.check;

import io.cowslip.engine.format.BigEndian;
import io.cowslip.engine.format.Features;
import io.cowslip.engine.format.HeaderLayout;
import io.cowslip.engine.format.ImageGeometry;
import io.cowslip.engine.format.ImageHeader;
import io.cowslip.engine.host.HostFile;
import io.cowslip.engine.host.IoBuffers;
import io.cowslip.engine.image.file.HeaderReader;
import io.cowslip.engine.image.file.UnsyncedData;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/**
 * The file of an image under repair: what is written, and when it is durable. The caller has the image for itself. Any
 * thread may write.
 */
public final class RepairFile {
    private final HostFile file;
    private final UnsyncedData unsynced;

    /** @param file nobody else writes it */
    public RepairFile(HostFile file) {
        this.file = file;
        this.unsynced = new UnsyncedData(file);
    }

    /** The file itself, to be read. */
    public HostFile file() {
        return file;
    }

    /** Writes; durable after {@link #sync}. */
    public void write(long hostOffset, MemorySegment from) throws IOException {
        unsynced.requireSound();
        unsynced.written();
        file.write(hostOffset, from);
    }

    /** Makes a range read as zeros. */
    public void zero(long hostOffset, long lengthBytes) throws IOException {
        unsynced.requireSound();
        unsynced.written();
        file.zero(hostOffset, lengthBytes);
    }

    /** Something that makes the file longer. Nothing leads to what it writes there before it is done. */
    @FunctionalInterface
    public interface Growth<T> {
        T grow() throws IOException;
    }

    /** Runs {@code growth}; when it fails, the file gets its size back. */
    public <T> T growing(Growth<T> growth) throws IOException {
        long sizeBytes = file.sizeBytes();
        try {
            return growth.grow();
        } catch (IOException | RuntimeException e) {
            takeBack(sizeBytes, e);
            throw e;
        }
    }

    private void takeBack(long sizeBytes, Exception reason) {
        try {
            file.truncate(sizeBytes);
        } catch (IOException refused) {
            // What is there too much is led to by nothing.
            reason.addSuppressed(refused);
        }
    }

    /** Writes whole clusters: {@code bytes}, and zeros behind them. */
    void writeClusters(long hostOffset, byte[] bytes, ImageGeometry geometry) throws IOException {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment clusters = arena.allocate(geometry.roundUpToCluster(bytes.length));
            MemorySegment.copy(MemorySegment.ofArray(bytes), 0, clusters, 0, bytes.length);
            write(hostOffset, clusters);
        }
    }

    void writeLong(long hostOffset, long value) throws IOException {
        try (IoBuffers.Loan loan = IoBuffers.borrow(Long.BYTES)) {
            MemorySegment bytes = loan.segment(Long.BYTES);
            bytes.set(BigEndian.LONG, 0, value);
            write(hostOffset, bytes);
        }
    }

    /** Writes a count and an offset that belong together, in one write within one sector. */
    void writeCountAndOffset(long hostOffset, int count, long offset) throws IOException {
        try (IoBuffers.Loan loan = IoBuffers.borrow(Integer.BYTES + Long.BYTES)) {
            MemorySegment bytes = loan.segment(Integer.BYTES + Long.BYTES);
            bytes.set(BigEndian.INT, 0, count);
            bytes.set(BigEndian.LONG, Integer.BYTES, offset);
            write(hostOffset, bytes);
        }
    }

    /**
     * Puts another refcount table in the place of the one in use: where it is, how long, and how wide its counts are, all
     * in one write within one sector. In version 2, {@code refcountOrder} is what it always is, and goes nowhere.
     */
    public void putRefcountTable(long tableOffset, int clusters, int refcountOrder) throws IOException {
        int start = HeaderLayout.REFCOUNT_TABLE_OFFSET;
        int end = HeaderReader.read(file).version() == 2
                ? HeaderLayout.VERSION_2_LENGTH
                : HeaderLayout.REFCOUNT_ORDER + Integer.BYTES;
        try (IoBuffers.Loan loan = IoBuffers.borrow(end - start)) {
            MemorySegment fields = loan.segment(end - start);
            file.readWhole("header", start, fields);
            fields.set(BigEndian.LONG, 0, tableOffset);
            fields.set(BigEndian.INT, HeaderLayout.REFCOUNT_TABLE_CLUSTERS - start, clusters);
            if (end > HeaderLayout.REFCOUNT_ORDER) {
                fields.set(BigEndian.INT, HeaderLayout.REFCOUNT_ORDER - start, refcountOrder);
            }
            write(start, fields);
        }
    }

    /** Where the next cluster begins that neither lies in the file nor is referred to by anything found. */
    long end(CheckRun found) throws IOException {
        ImageGeometry geometry = found.rules().geometry();
        return Math.max(
                geometry.roundUpToCluster(file.sizeBytes()),
                found.references().clustersInUse() << geometry.clusterBits());
    }

    /** Returns after everything written so far is on stable storage. */
    public void sync() throws IOException {
        unsynced.sync();
    }

    /**
     * Marks the image as corrupt before more than one step is taken, so that nobody writes to it when the repair is
     * interrupted. Images of version 2 have no such mark.
     */
    void markCorrupt(ImageHeader header) throws IOException {
        Features features = header.features();
        if (header.version() >= 3 && !features.dirty() && !features.corrupt()) {
            writeLong(HeaderLayout.INCOMPATIBLE_FEATURES, features.incompatible() | Features.CORRUPT);
            sync();
        }
    }

    /**
     * Marks the image as dirty while counts and COPIED flags disagree for a while, so that whoever opens it for writing
     * after an interruption repairs it anew. Images of version 2 have no such mark.
     */
    void markDirty(ImageHeader header) throws IOException {
        Features features = header.features();
        if (header.version() >= 3 && !features.dirty() && !features.corrupt()) {
            writeLong(HeaderLayout.INCOMPATIBLE_FEATURES, features.incompatible() | Features.DIRTY);
            sync();
        }
    }

    /** Takes the marks of a dirty and of a corrupt image away, once everything else is durable. */
    void markSound() throws IOException {
        ImageHeader header = HeaderReader.read(file);
        Features features = header.features();
        if (features.dirty() || features.corrupt()) {
            sync();
            writeLong(
                    HeaderLayout.INCOMPATIBLE_FEATURES, features.incompatible() & ~(Features.DIRTY | Features.CORRUPT));
            sync();
        }
    }
}
