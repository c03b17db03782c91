package io.cowslip.testing;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;

/**
 * The numbers in a qcow2 file that nobody has open, to be read and patched; all big-endian. Knows where tables are, and
 * nothing of the engine. L2 entries of 8 bytes.
 */
public record ImageBytes(Path file) {
    public static final int CLUSTER_BITS = 20;
    public static final int VIRTUAL_SIZE = 24;
    public static final int L1_ENTRIES = 36;
    public static final int L1_TABLE = 40;
    public static final int REFCOUNT_TABLE = 48;
    public static final int SNAPSHOT_COUNT = 60;
    public static final int SNAPSHOT_TABLE = 64;
    public static final int INCOMPATIBLE = 72;
    public static final int COMPATIBLE = 80;
    public static final int AUTOCLEAR = 88;
    public static final int HEADER_LENGTH = 100;
    public static final int COMPRESSION_TYPE = 104;

    public static final long COPIED = 1L << 63;
    public static final long COMPRESSED = 1L << 62;
    public static final long ZERO = 1;
    private static final long OFFSET_MASK = 0x00ff_ffff_ffff_fe00L;

    /** The first 64 bits at {@code offset}. */
    public long number(long offset) throws IOException {
        return bytes(offset, Long.BYTES).getLong(0);
    }

    public int shortNumber(long offset) throws IOException {
        return bytes(offset, Integer.BYTES).getInt(0);
    }

    public ByteBuffer bytes(long offset, int length) throws IOException {
        try (FileChannel channel = FileChannel.open(file)) {
            ByteBuffer bytes = ByteBuffer.allocate(length);
            if (channel.read(bytes, offset) < length) {
                throw new IOException(file + " has no " + length + " bytes at " + offset);
            }
            return bytes.flip();
        }
    }

    public void put(long offset, long number) throws IOException {
        put(offset, ByteBuffer.allocate(Long.BYTES).putLong(0, number));
    }

    public void putShort(long offset, int number) throws IOException {
        put(offset, ByteBuffer.allocate(Integer.BYTES).putInt(0, number));
    }

    public void put(long offset, ByteBuffer bytes) throws IOException {
        try (FileChannel channel = FileChannel.open(file, StandardOpenOption.WRITE)) {
            channel.write(bytes, offset);
        }
    }

    public void truncate(long sizeBytes) throws IOException {
        try (FileChannel channel = FileChannel.open(file, StandardOpenOption.WRITE)) {
            channel.truncate(sizeBytes);
        }
    }

    public int clusterBytes() throws IOException {
        return 1 << shortNumber(CLUSTER_BITS);
    }

    /** Where the entry at {@code index} of the active L1 table is. */
    public long l1Entry(int index) throws IOException {
        return number(L1_TABLE) + (long) index * Long.BYTES;
    }

    /** Where the active L2 entry of a guest cluster is, whose table is there. */
    public long l2Entry(long guestCluster) throws IOException {
        int entries = clusterBytes() / Long.BYTES;
        long table = placeOf(number(l1Entry((int) (guestCluster / entries))));
        return table + guestCluster % entries * Long.BYTES;
    }

    /** The active L2 entry of a guest cluster, whose table is there. */
    public long l2(long guestCluster) throws IOException {
        return number(l2Entry(guestCluster));
    }

    /** The host offset in an entry of either table. */
    public static long placeOf(long entry) {
        return entry & OFFSET_MASK;
    }

    /** Where the refcount, of 16 bits, of the host cluster at {@code hostOffset} is. */
    public long refcount(long hostOffset) throws IOException {
        int clusterBytes = clusterBytes();
        long cluster = hostOffset / clusterBytes;
        int counts = clusterBytes / Short.BYTES;
        long block = placeOf(number(number(REFCOUNT_TABLE) + cluster / counts * Long.BYTES));
        return block + cluster % counts * Short.BYTES;
    }

    /** Sets a refcount of 16 bits. */
    public void putRefcount(long hostOffset, int count) throws IOException {
        put(refcount(hostOffset), ByteBuffer.allocate(Short.BYTES).putShort(0, (short) count));
    }
}
