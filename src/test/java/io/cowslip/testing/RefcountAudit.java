package io.cowslip.testing;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.List;

/**
 * The consistency check of {@code qemu-img check}, without a process: each host cluster's count against the references
 * to it, and each COPIED flag against the count. Reads the file by itself, with nothing of the engine. Knows plain and
 * compressed clusters, subclusters, data in another file, snapshots, bitmaps and the header of an encryption.
 */
public final class RefcountAudit {
    private static final ValueLayout.OfLong LONG = ValueLayout.JAVA_LONG_UNALIGNED.withOrder(ByteOrder.BIG_ENDIAN);
    private static final ValueLayout.OfShort SHORT = ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.BIG_ENDIAN);
    private static final ValueLayout.OfInt INT = ValueLayout.JAVA_INT_UNALIGNED.withOrder(ByteOrder.BIG_ENDIAN);
    private static final long OFFSET_MASK = 0x00ff_ffff_ffff_fe00L;
    private static final long COPIED = 1L << 63;
    private static final long COMPRESSED = 1L << 62;
    private static final int EXTERNAL_DATA_FILE = 1 << 2;
    private static final int EXTENDED_L2 = 1 << 4;
    private static final int BITMAPS_EXTENSION = 0x2385_2875;
    private static final int ENCRYPTION_EXTENSION = 0x0537_be77;

    private final MemorySegment file;
    private final int clusterBits;
    private final long clusterBytes;
    private final int refcountOrder;
    private final boolean externalData;
    private final long l2EntryBytes;
    private final long refcountTable;
    private final long refcountTableEntries;
    private final int[] references;
    private final List<String> corruptions = new ArrayList<>();
    private final List<StaleFlag> staleFlags = new ArrayList<>();
    private boolean active = true;

    /**
     * What the audit found.
     *
     * @param staleFlags COPIED flags that differ from the counts, but would let nobody write what another refers to:
     *     where a crash came between the counts and the flags. {@code qemu-img check} calls them corruptions
     * @param leaks clusters that are counted and not used
     */
    public record Report(List<String> corruptions, List<String> staleFlags, long leaks) {

        public boolean clean() {
            return leaksAtMost() && leaks == 0;
        }

        public boolean leaksAtMost() {
            return corruptions.isEmpty() && staleFlags.isEmpty();
        }
    }

    private record StaleFlag(String name, long cluster, boolean copied) {}

    private RefcountAudit(MemorySegment file) {
        this.file = file;
        clusterBits = file.get(INT, 20);
        clusterBytes = 1L << clusterBits;
        refcountOrder = file.get(INT, 4) == 2 ? 4 : file.get(INT, 96);
        externalData = file.get(INT, 4) > 2 && (file.get(LONG, 72) & EXTERNAL_DATA_FILE) != 0;
        l2EntryBytes = file.get(INT, 4) > 2 && (file.get(LONG, 72) & EXTENDED_L2) != 0 ? 16 : 8;
        refcountTable = file.get(LONG, 48);
        refcountTableEntries = file.get(INT, 56) * clusterBytes / Long.BYTES;
        references = new int[Math.toIntExact((file.byteSize() + clusterBytes - 1) >> clusterBits)];
    }

    public static Report of(byte[] image) {
        return new RefcountAudit(MemorySegment.ofArray(image)).audit();
    }

    public static Report of(Path image) throws IOException {
        try (Arena arena = Arena.ofConfined();
                FileChannel channel = FileChannel.open(image, StandardOpenOption.READ)) {
            return new RefcountAudit(channel.map(FileChannel.MapMode.READ_ONLY, 0, channel.size(), arena)).audit();
        }
    }

    private Report audit() {
        refer("header", 0, clusterBytes);
        referRefcounts();
        referGuest(file.get(LONG, 40), file.get(INT, 36));
        active = false;
        referSnapshots();
        referExtensions();
        List<String> harmless = new ArrayList<>();
        for (StaleFlag flag : staleFlags) {
            boolean shared = references[(int) flag.cluster] > 1;
            (flag.copied && shared ? corruptions : harmless).add(flag.name);
        }
        return new Report(corruptions, harmless, compareCounts());
    }

    private void referSnapshots() {
        int count = file.get(INT, 60);
        long table = file.get(LONG, 64);
        long offset = table;
        for (int i = 0; i < count; i++) {
            int idBytes = file.get(SHORT, offset + 12) & 0xffff;
            int nameBytes = file.get(SHORT, offset + 14) & 0xffff;
            int extraBytes = file.get(INT, offset + 36);
            referGuest(file.get(LONG, offset), file.get(INT, offset + 8));
            offset += (40 + extraBytes + idBytes + nameBytes + 7) & -8L;
        }
        refer("snapshot table", table, offset - table);
    }

    private void referExtensions() {
        if (file.get(INT, 4) == 2) {
            return;
        }
        boolean bitmapsAreKept = (file.get(LONG, 88) & 1) != 0;
        long offset = file.get(INT, 100);
        for (int type = file.get(INT, offset); type != 0; type = file.get(INT, offset)) {
            if (type == BITMAPS_EXTENSION && bitmapsAreKept) {
                referBitmaps(file.get(INT, offset + 8), file.get(LONG, offset + 24), file.get(LONG, offset + 16));
            } else if (type == ENCRYPTION_EXTENSION) {
                refer("encryption header", file.get(LONG, offset + 8), file.get(LONG, offset + 16));
            }
            offset += 8 + (file.get(INT, offset + 4) + 7 & -8L);
        }
    }

    private void referBitmaps(int count, long directory, long directoryBytes) {
        refer("bitmap directory", directory, directoryBytes);
        long offset = directory;
        for (int i = 0; i < count; i++) {
            long table = file.get(LONG, offset);
            int entries = file.get(INT, offset + 8);
            refer("table of bitmap " + i, table, (long) entries * Long.BYTES);
            for (int entry = 0; entry < entries; entry++) {
                long cluster = tableEntry(table, entry) & OFFSET_MASK;
                if (cluster != 0) {
                    refer("bitmap " + i, cluster, clusterBytes);
                }
            }
            int nameBytes = file.get(SHORT, offset + 18) & 0xffff;
            offset += 24 + file.get(INT, offset + 20) + nameBytes + 7 & -8L;
        }
    }

    private void referRefcounts() {
        refer("refcount table", refcountTable, refcountTableEntries * Long.BYTES);
        for (long i = 0; i < refcountTableEntries; i++) {
            long block = tableEntry(refcountTable, i) & -512L;
            if (block != 0) {
                refer("refcount block " + i, block, clusterBytes);
            }
        }
    }

    private void referGuest(long l1Table, long l1Entries) {
        refer("L1 table", l1Table, l1Entries * Long.BYTES);
        for (long i = 0; i < l1Entries; i++) {
            long entry = tableEntry(l1Table, i);
            long table = entry & OFFSET_MASK;
            if (table != 0) {
                refer("L2 table " + i, table, clusterBytes);
                checkCopied("L1 entry " + i, entry, table);
                referTable(i, table);
            }
        }
    }

    private void referTable(long l1Index, long table) {
        for (long i = 0; i < clusterBytes / l2EntryBytes; i++) {
            long entry = tableEntry(table, i * (l2EntryBytes / Long.BYTES));
            checkSubclusters("L2 entry " + l1Index + "/" + i, entry, table, i);
            if (entry != 0 && externalData) {
                checkPlace(
                        "L2 entry " + l1Index + "/" + i,
                        entry,
                        (l1Index * clusterBytes / l2EntryBytes + i) * clusterBytes);
            } else if (entry != 0) {
                referEntry("L2 entry " + l1Index + "/" + i, entry);
            }
        }
    }

    /** Each subcluster is in the cluster, zeros, or neither; those of a compressed cluster are neither. */
    private void checkSubclusters(String name, long entry, long table, long index) {
        if (l2EntryBytes == Long.BYTES) {
            return;
        }
        long bitmap = tableEntry(table, 2 * index + 1);
        boolean hasPlace = (entry & OFFSET_MASK) != 0 || (externalData && (entry & COPIED) != 0);
        boolean wrong = (entry & COMPRESSED) != 0
                ? bitmap != 0
                : (bitmap & bitmap >>> 32) != 0 || (!hasPlace && (int) bitmap != 0) || (entry & 1) != 0;
        if (wrong) {
            corruptions.add(name + " is " + Long.toHexString(entry) + " with bitmap " + Long.toHexString(bitmap));
        }
    }

    private void referEntry(String name, long entry) {
        if ((entry & COMPRESSED) != 0) {
            if ((entry & COPIED) != 0) {
                corruptions.add(name + " is compressed and COPIED");
            }
            int offsetBits = 62 - (clusterBits - 8);
            long start = entry & ((1L << offsetBits) - 1) & -512L;
            long sectors = ((entry & ~(COPIED | COMPRESSED)) >>> offsetBits) + 1;
            refer(name, start, sectors * 512);
            return;
        }
        long cluster = entry & OFFSET_MASK;
        if (cluster != 0) {
            refer(name, cluster, clusterBytes);
            checkCopied(name, entry, cluster);
            if ((cluster & (clusterBytes - 1)) != 0) {
                corruptions.add(name + " points to " + cluster + ", which is no cluster's start");
            }
        }
    }

    /** In an external data file a cluster has no count, and lies where it lies on the disk. */
    private void checkPlace(String name, long entry, long guestOffset) {
        boolean allocated = (entry & COPIED) != 0;
        if ((entry & COMPRESSED) != 0 || (entry & OFFSET_MASK) != (allocated ? guestOffset : 0)) {
            corruptions.add(name + " is " + Long.toHexString(entry) + " in an external data file");
        }
    }

    private void checkCopied(String name, long entry, long cluster) {
        long count = count(cluster >> clusterBits);
        if (active && (count == 1) != ((entry & COPIED) != 0)) {
            String fault = name + " is " + Long.toHexString(entry) + ", but its cluster's count is " + count;
            staleFlags.add(new StaleFlag(fault, cluster >> clusterBits, (entry & COPIED) != 0));
        }
    }

    /** Counts a reference to each cluster of the range. The file's last cluster may be cut short, but must have begun. */
    private void refer(String name, long offset, long length) {
        if (length == 0) {
            return;
        }
        for (long cluster = offset >> clusterBits; cluster <= (offset + length - 1) >> clusterBits; cluster++) {
            if (cluster < references.length) {
                references[(int) cluster]++;
            } else {
                corruptions.add(name + " reaches cluster " + cluster + " of " + references.length);
            }
        }
    }

    private long compareCounts() {
        long leaks = 0;
        for (int cluster = 0; cluster < references.length; cluster++) {
            long count = count(cluster);
            if (Long.compareUnsigned(count, references[cluster]) < 0) {
                corruptions.add(
                        "cluster " + cluster + " has count " + count + " and " + references[cluster] + " references");
            } else if (count != references[cluster]) {
                leaks++;
            }
        }
        return leaks;
    }

    private long count(long cluster) {
        int perBlockBits = clusterBits + 3 - refcountOrder;
        long blockIndex = cluster >> perBlockBits;
        if (blockIndex >= refcountTableEntries) {
            return 0;
        }
        long block = tableEntry(refcountTable, blockIndex) & -512L;
        if (block == 0 || block + clusterBytes > file.byteSize()) {
            return 0;
        }
        long index = cluster & ((1L << perBlockBits) - 1);
        return switch (refcountOrder) {
            case 3 -> file.get(ValueLayout.JAVA_BYTE, block + index) & 0xff;
            case 4 ->
                file.get(ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.BIG_ENDIAN), block + 2 * index) & 0xffff;
            case 5 -> Integer.toUnsignedLong(file.get(INT, block + 4 * index));
            case 6 -> file.get(LONG, block + 8 * index);
            default -> subByteCount(block, index);
        };
    }

    private long subByteCount(long block, long index) {
        long bit = index << refcountOrder;
        int value = file.get(ValueLayout.JAVA_BYTE, block + (bit >> 3)) & 0xff;
        return (value >> (bit & 7)) & ((1 << (1 << refcountOrder)) - 1);
    }

    private long tableEntry(long table, long index) {
        long at = table + index * Long.BYTES;
        if (at + Long.BYTES > file.byteSize()) {
            corruptions.add("the table at " + table + " reaches beyond the file's end");
            return 0;
        }
        return file.get(LONG, at);
    }
}
