package io.cowslip.testing;

import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;

/**
 * Where the metadata of a sound qcow2 image lies, to the entry. Reads the file by itself, with nothing of the engine.
 */
public final class MetadataSites {
    private static final long OFFSET_MASK = 0x00ff_ffff_ffff_fe00L;
    private static final long COMPRESSED = 1L << 62;
    private static final int BITMAPS_EXTENSION = 0x2385_2875;
    private static final int BITMAP_FIXED_BYTES = 24;
    private static final int SNAPSHOT_FIXED_BYTES = 40;

    private final ByteBuffer file;
    private final int version;
    private final int clusterBytes;
    private final boolean extendedL2;
    private final boolean dataFile;
    private final Map<Kind, List<Site>> sites = new EnumMap<>(Kind.class);

    /** What stands at a site. */
    public enum Kind {
        L1_ENTRY,
        L2_ENTRY,
        SUBCLUSTERS,
        REFCOUNT_TABLE_ENTRY,
        REFCOUNT,
        SNAPSHOT_L1_ENTRY,
        SNAPSHOT_L2_ENTRY,
        SNAPSHOT_L1_OFFSET,
        SNAPSHOT_L1_ENTRIES,
        BITMAP_TABLE_OFFSET,
        BITMAP_TABLE_ENTRY,
        AUTOCLEAR_BITS
    }

    /** A number in the file; {@code bytes} is 1, 4 or 8. */
    public record Site(Kind kind, int offset, int bytes) {}

    private MetadataSites(byte[] image) {
        file = ByteBuffer.wrap(image);
        version = file.getInt(4);
        clusterBytes = 1 << file.getInt(20);
        extendedL2 = version > 2 && (file.getLong(72) & 1 << 4) != 0;
        dataFile = version > 2 && (file.getLong(72) & 1 << 2) != 0;
    }

    /** All sites of an image by what they are. */
    public static Map<Kind, List<Site>> of(byte[] image) {
        MetadataSites found = new MetadataSites(image);
        found.findAll();
        return found.sites;
    }

    private void add(Kind kind, long offset, int bytes) {
        sites.computeIfAbsent(kind, k -> new ArrayList<>()).add(new Site(kind, Math.toIntExact(offset), bytes));
    }

    private void findAll() {
        findTables(file.getLong(40), file.getInt(36), Kind.L1_ENTRY, Kind.L2_ENTRY);
        findRefcounts();
        findSnapshots();
        if (version > 2) {
            add(Kind.AUTOCLEAR_BITS, 88, 8);
            findBitmaps();
        }
    }

    private void findTables(long l1Offset, int l1Entries, Kind l1Kind, Kind l2Kind) {
        for (int i = 0; i < l1Entries; i++) {
            add(l1Kind, l1Offset + 8L * i, 8);
            long table = file.getLong((int) l1Offset + 8 * i) & OFFSET_MASK;
            if (table != 0) {
                findEntries(table, l2Kind);
            }
        }
    }

    private void findEntries(long table, Kind kind) {
        int entryBytes = extendedL2 ? 16 : 8;
        for (int position = 0; position < clusterBytes; position += entryBytes) {
            boolean used = file.getLong((int) table + position) != 0;
            // Of the many entries for nothing, some will do.
            if (used || position % 1024 == 0) {
                add(kind, table + position, 8);
                if (extendedL2) {
                    add(Kind.SUBCLUSTERS, table + position + 8, 8);
                }
            }
        }
    }

    private void findRefcounts() {
        long table = file.getLong(48);
        long entries = (long) file.getInt(56) * clusterBytes / 8;
        for (int i = 0; i < entries; i++) {
            long block = file.getLong((int) table + 8 * i) & OFFSET_MASK;
            if (block != 0 || i < 4) {
                add(Kind.REFCOUNT_TABLE_ENTRY, table + 8L * i, 8);
            }
            for (int position = 0; block != 0 && position < clusterBytes; position++) {
                if (file.get((int) block + position) != 0) {
                    add(Kind.REFCOUNT, block + position, 1);
                }
            }
        }
    }

    private void findSnapshots() {
        long position = file.getLong(64);
        for (int i = 0; i < file.getInt(60); i++) {
            int record = Math.toIntExact((position + 7) & -8);
            add(Kind.SNAPSHOT_L1_OFFSET, record, 8);
            add(Kind.SNAPSHOT_L1_ENTRIES, record + 8L, 4);
            findTables(file.getLong(record), file.getInt(record + 8), Kind.SNAPSHOT_L1_ENTRY, Kind.SNAPSHOT_L2_ENTRY);
            position = (long) record
                    + SNAPSHOT_FIXED_BYTES
                    + file.getInt(record + 36)
                    + Short.toUnsignedInt(file.getShort(record + 12))
                    + Short.toUnsignedInt(file.getShort(record + 14));
        }
    }

    private void findBitmaps() {
        int extension = file.getInt(100);
        while (file.getInt(extension) != 0) {
            if (file.getInt(extension) == BITMAPS_EXTENSION) {
                findBitmaps(file.getInt(extension + 8), Math.toIntExact(file.getLong(extension + 24)));
            }
            extension += 8 + ((file.getInt(extension + 4) + 7) & -8);
        }
    }

    private void findBitmaps(int count, int directory) {
        int position = directory;
        for (int i = 0; i < count; i++) {
            add(Kind.BITMAP_TABLE_OFFSET, position, 8);
            int table = Math.toIntExact(file.getLong(position));
            for (int entry = 0; entry < file.getInt(position + 8); entry++) {
                add(Kind.BITMAP_TABLE_ENTRY, table + 8L * entry, 8);
            }
            int end = position + BITMAP_FIXED_BYTES + file.getInt(position + 20) + file.getShort(position + 18);
            position = (end + 7) & -8;
        }
    }

    /** Host offsets of the data clusters that the tables of an image lead to, compressed ones left out. */
    public static List<Long> dataClusters(byte[] image) {
        MetadataSites found = new MetadataSites(image);
        found.findAll();
        List<Long> clusters = new ArrayList<>();
        if (!found.dataFile) {
            for (Site site : found.sites.getOrDefault(Kind.L2_ENTRY, List.of())) {
                long entry = found.file.getLong(site.offset);
                if ((entry & COMPRESSED) == 0 && (entry & OFFSET_MASK) != 0) {
                    clusters.add(entry & OFFSET_MASK);
                }
            }
        }
        return clusters;
    }
}
