package io.cowslip.engine.image.bitmap;

import io.cowslip.engine.ImageException;
import io.cowslip.engine.ImageException.Kind;
import io.cowslip.engine.format.BigEndian;
import io.cowslip.engine.format.BitmapDirectory;
import io.cowslip.engine.format.BitmapEntry;
import io.cowslip.engine.format.ImageGeometry;
import io.cowslip.engine.host.HostFile;
import io.cowslip.engine.host.IoBuffers;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.List;

/** Reads bitmaps from a file (qcow2 specification, "Bitmaps"), whatever the file says. Any thread. */
public final class BitmapFile {
    /** Table entry for a cluster of bits that are all set. */
    static final long ALL_ONES = 1;

    private static final long OFFSET_MASK = 0x00FF_FFFF_FFFF_FE00L;
    private static final int TABLE_PART_BYTES = 64 << 10;

    private final HostFile file;
    private final ImageGeometry geometry;

    /** @param geometry of the image, for the size of its clusters */
    public BitmapFile(HostFile file, ImageGeometry geometry) {
        this.file = file;
        this.geometry = geometry;
    }

    /** Takes one entry of a table. */
    @FunctionalInterface
    interface TableEntries {
        void take(long index, long entry) throws IOException;
    }

    /** What the directory lists. */
    public List<BitmapEntry> entries(BitmapDirectory directory) throws IOException {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment bytes = arena.allocate(directory.sizeBytes());
            file.readWhole("bitmap directory", directory.hostOffset(), bytes);
            return directory.entries(bytes);
        } catch (ImageException refused) {
            throw refused.path() != null
                    ? refused
                    : ImageException.of(refused.kind(), file.path(), String.valueOf(refused.getMessage()))
                            .causedBy(refused);
        }
    }

    /**
     * The bits of a bitmap whose meaning is known.
     *
     * @throws ImageException CORRUPT when its table does not lead to as many bits as the disk needs; UNSUPPORTED_FEATURE
     *     when they are more than QEMU reads
     */
    DirtyBits bits(BitmapEntry bitmap, long diskBytes) throws IOException {
        requireBits(bitmap.name(), diskBytes, bitmap.granularityBits());
        DirtyBits bits = new DirtyBits(diskBytes, bitmap.granularityBits());
        long length = bits.lengthBytes();
        if ((long) bitmap.tableEntries() << geometry.clusterBits() < length) {
            throw corrupt(bitmap, "table has " + bitmap.tableEntries() + " entries, too few for the disk");
        }
        try (IoBuffers.Loan loan = IoBuffers.borrow(geometry.clusterBytes())) {
            MemorySegment cluster = loan.segment(geometry.clusterBytes());
            eachEntry(bitmap, Math.ceilDiv(length, geometry.clusterBytes()), (index, entry) -> {
                long atByte = index << geometry.clusterBits();
                load(bits, atByte, bitmap, entry, cluster.asSlice(0, Math.min(cluster.byteSize(), length - atByte)));
            });
        }
        return bits;
    }

    private void load(DirtyBits bits, long atByte, BitmapEntry bitmap, long entry, MemorySegment buffer)
            throws IOException {
        if (entry == ALL_ONES) {
            bits.loadOnes(atByte, buffer.byteSize());
        } else if (entry != 0) {
            if (!isCluster(entry)) {
                throw corrupt(bitmap, "table leads to " + Long.toUnsignedString(entry) + ", where no cluster is");
            }
            file.readWhole("cluster of a bitmap", entry, buffer);
            bits.load(atByte, buffer);
        }
    }

    /** Refuses bits that are more than QEMU reads. */
    static void requireBits(String name, long diskBytes, int granularityBits) throws ImageException {
        long bytes = DirtyBits.maxBytes(diskBytes, granularityBits);
        if (bytes > BitmapEntry.MAX_BITMAP_BYTES) {
            throw ImageException.of(
                    Kind.UNSUPPORTED_FEATURE,
                    "the bitmap \"" + name + "\" takes " + bytes + " bytes of bits; it may take at most "
                            + BitmapEntry.MAX_BITMAP_BYTES + ", so its granularity must be larger");
        }
    }

    /** Whether a table's entry leads to a cluster that may hold bits. */
    boolean isCluster(long entry) throws IOException {
        return (entry & ~OFFSET_MASK) == 0
                && geometry.offsetInCluster(entry) == 0
                && entry >= geometry.clusterBytes()
                && entry < file.sizeBytes();
    }

    /** Whether the table lies where it can. */
    boolean hasTable(BitmapEntry bitmap) throws IOException {
        return bitmap.tableEntries() > 0
                && isCluster(bitmap.tableOffset())
                && bitmap.tableOffset() <= file.sizeBytes() - (long) bitmap.tableEntries() * Long.BYTES;
    }

    /** Hands over the table's first entries. */
    void eachEntry(BitmapEntry bitmap, long count, TableEntries entries) throws IOException {
        if (count == 0) {
            return;
        }
        if (!hasTable(bitmap)) {
            throw corrupt(bitmap, "table is at " + Long.toUnsignedString(bitmap.tableOffset()) + ", where none can be");
        }
        try (IoBuffers.Loan loan = IoBuffers.borrow(TABLE_PART_BYTES)) {
            long index = 0;
            while (index < count) {
                long part = Math.min(count - index, TABLE_PART_BYTES / Long.BYTES);
                MemorySegment table = loan.segment(part * Long.BYTES);
                file.readWhole("bitmap table", bitmap.tableOffset() + index * Long.BYTES, table);
                for (long within = 0; within < part; within++) {
                    entries.take(index + within, table.get(BigEndian.LONG, within * Long.BYTES));
                }
                index += part;
            }
        }
    }

    private ImageException corrupt(BitmapEntry bitmap, String message) {
        return ImageException.of(Kind.CORRUPT, file.path(), "the bitmap \"" + bitmap.name() + "\"'s " + message);
    }
}
