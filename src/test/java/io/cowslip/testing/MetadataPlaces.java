package io.cowslip.testing;

import java.nio.ByteBuffer;
import java.util.BitSet;

/**
 * The clusters of a qcow2 file that its header and the tables behind it make metadata of, as they stand, however damaged:
 * what does not lie in the file is left out. Those that QEMU looks out for by default, so no snapshot's L2 tables. Reads
 * the file by itself, with nothing of the engine.
 */
public final class MetadataPlaces {
    private static final int REFCOUNT_TABLE_CLUSTERS = 56;
    private static final int BITMAPS_EXTENSION = 0x2385_2875;
    private static final int SNAPSHOT_FIXED_BYTES = 40;
    private static final int MOST_RECORDS = 64;

    private final ByteBuffer file;
    private final int clusterBits;
    private final BitSet clusters = new BitSet();

    private MetadataPlaces(byte[] image) {
        file = ByteBuffer.wrap(image);
        clusterBits = number4(ImageBytes.CLUSTER_BITS);
    }

    /** Whether a range of the file touches metadata. */
    public static boolean touches(byte[] image, long offset, long lengthBytes) {
        MetadataPlaces places = new MetadataPlaces(image);
        if (image.length < 104 || places.clusterBits < 9 || places.clusterBits > 21 || lengthBytes <= 0) {
            return false;
        }
        places.findAll();
        long next = places.clusters.nextSetBit((int) Math.min(Integer.MAX_VALUE, offset >>> places.clusterBits));
        return next >= 0 && next <= (offset + lengthBytes - 1) >>> places.clusterBits;
    }

    private void findAll() {
        add(0, 1);
        long l1Bytes = 8L * Integer.toUnsignedLong(number4(ImageBytes.L1_ENTRIES));
        add(number8(ImageBytes.L1_TABLE), l1Bytes);
        addEntries(number8(ImageBytes.L1_TABLE), l1Bytes);
        long refcountBytes = Integer.toUnsignedLong(number4(REFCOUNT_TABLE_CLUSTERS)) << clusterBits;
        add(number8(ImageBytes.REFCOUNT_TABLE), refcountBytes);
        addEntries(number8(ImageBytes.REFCOUNT_TABLE), refcountBytes);
        addSnapshots();
        if (number4(4) > 2) {
            addBitmapDirectory();
        }
    }

    private void addEntries(long table, long lengthBytes) {
        for (long at = table; isIn(table, lengthBytes) && at < table + lengthBytes; at += 8) {
            long offset = ImageBytes.placeOf(number8(at));
            if (offset % (1L << clusterBits) == 0) {
                add(offset, 1L << clusterBits);
            }
        }
    }

    private void addSnapshots() {
        long table = number8(ImageBytes.SNAPSHOT_TABLE);
        long position = table;
        for (int index = Math.min(number4(ImageBytes.SNAPSHOT_COUNT), MOST_RECORDS);
                index > 0 && isIn(position, 48);
                index--) {
            add(number8(position), 8L * Integer.toUnsignedLong(number4(position + 8)));
            long end = position
                    + SNAPSHOT_FIXED_BYTES
                    + Integer.toUnsignedLong(number4(position + 36))
                    + (number4(position + 12) >>> 16)
                    + (number4(position + 12) & 0xffff);
            add(position, end - position);
            position = (end + 7) & -8;
        }
    }

    private void addBitmapDirectory() {
        long extension = Integer.toUnsignedLong(number4(ImageBytes.HEADER_LENGTH));
        for (int index = 0; index < MOST_RECORDS && isIn(extension, 32); index++) {
            if (number4(extension) == BITMAPS_EXTENSION && (number8(ImageBytes.AUTOCLEAR) & 1) != 0) {
                add(number8(extension + 24), number8(extension + 16));
            }
            if (number4(extension) == 0) {
                return;
            }
            extension += 8 + ((Integer.toUnsignedLong(number4(extension + 4)) + 7) & -8);
        }
    }

    private boolean isIn(long offset, long lengthBytes) {
        return offset >= 0 && lengthBytes >= 0 && offset <= file.capacity() - lengthBytes;
    }

    private void add(long offset, long lengthBytes) {
        if (offset >= 0 && offset < file.capacity() && lengthBytes > 0 && (offset & (1L << clusterBits) - 1) == 0) {
            long end = Math.min(file.capacity(), offset + Math.min(lengthBytes, file.capacity()));
            clusters.set((int) (offset >>> clusterBits), (int) ((end - 1) >>> clusterBits) + 1);
        }
    }

    private int number4(long offset) {
        return isIn(offset, 4) ? file.getInt((int) offset) : 0;
    }

    private long number8(long offset) {
        return isIn(offset, 8) ? file.getLong((int) offset) : 0;
    }
}
