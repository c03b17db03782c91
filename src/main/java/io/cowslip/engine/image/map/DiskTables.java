package io.cowslip.engine.image.map;

import io.cowslip.engine.ImageException;
import io.cowslip.engine.cache.ActiveL1;
import io.cowslip.engine.cache.L2SliceCache;
import io.cowslip.engine.cache.ResidentTable;
import io.cowslip.engine.format.BigEndian;
import io.cowslip.engine.format.ImageGeometry;
import io.cowslip.engine.format.SnapshotRecord;
import io.cowslip.engine.host.HostFile;
import io.cowslip.engine.host.IoBuffers;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.util.BitSet;

/**
 * The L1 table of one state of a disk, and what is known of its L2 tables beyond the file. Used by one thread, and only
 * while a request keeps the clusters that it leads to from being used again.
 */
public sealed interface DiskTables {

    /** Size of the state's disk in bytes. */
    long diskBytes();

    /** The L1 entry at {@code index}; 0 where the table ends before. */
    long l1Entry(int index) throws IOException;

    /**
     * Copies the entries of an L2 table that the file does not have yet, and marks which ones they are. What is not
     * marked is in the file by now.
     *
     * @param l1Index whose table it is
     * @param words where its 64-bit words go, from {@code first} on
     * @param newer marked like {@code words}
     */
    void copyNewer(int l1Index, long[] words, int first, BitSet newer);

    /** The disk as it is now, changing meanwhile. */
    record Active(ClusterMap map, ActiveL1 l1, ImageGeometry geometry, DiskSize diskSize) implements DiskTables {
        @Override
        public long diskBytes() {
            return diskSize.bytes();
        }

        @Override
        public long l1Entry(int index) {
            ResidentTable table = l1.table();
            boolean onDisk = index < table.entryCount() && index * geometry.guestBytesPerTable() < diskSize.bytes();
            return onDisk ? table.entry(index) : 0;
        }

        @Override
        public void copyNewer(int l1Index, long[] words, int first, BitSet newer) {
            L2SliceCache cache = map.slices();
            if (!cache.hasDirty()) {
                return;
            }
            long firstCluster = (long) l1Index << geometry.l2EntriesPerTableBits();
            int wordsPerEntry = geometry.l2EntryBytes() / Long.BYTES;
            int sliceWords = cache.entriesPerSlice() * wordsPerEntry;
            int tableWords = geometry.clusterBytes() / Long.BYTES;
            for (int word = 0; word < tableWords; word += sliceWords) {
                if (cache.copyDirty(firstCluster + word / wordsPerEntry, words, first + word)) {
                    newer.set(first + word, first + word + sliceWords);
                }
            }
        }
    }

    /** The disk of a snapshot, which stays as it is while the snapshot is there. */
    final class OfSnapshot implements DiskTables {
        private static final int PIECE_ENTRIES = 8192;

        private final HostFile file;
        private final SnapshotRecord snapshot;
        private final long diskBytes;
        private long[] piece = new long[0];
        private int firstInPiece;

        /** @param diskBytes size of the snapshot's disk */
        public OfSnapshot(HostFile file, SnapshotRecord snapshot, long diskBytes) {
            this.file = file;
            this.snapshot = snapshot;
            this.diskBytes = diskBytes;
        }

        @Override
        public long diskBytes() {
            return diskBytes;
        }

        @Override
        public long l1Entry(int index) throws IOException {
            if (index >= snapshot.l1Entries()) {
                return 0;
            }
            if (index < firstInPiece || index >= firstInPiece + piece.length) {
                readPiece(index);
            }
            return piece[index - firstInPiece];
        }

        /** @throws ImageException CORRUPT when the file ends before the table does */
        private void readPiece(int index) throws IOException {
            int count = Math.min(PIECE_ENTRIES, snapshot.l1Entries() - index);
            long[] entries = new long[count];
            try (IoBuffers.Loan loan = IoBuffers.borrow((long) count * Long.BYTES)) {
                MemorySegment bytes = loan.segment((long) count * Long.BYTES);
                file.readWhole("snapshot's L1 table", snapshot.l1TableOffset() + (long) index * Long.BYTES, bytes);
                MemorySegment.copy(bytes, BigEndian.LONG, 0, entries, 0, count);
            }
            piece = entries;
            firstInPiece = index;
        }

        @Override
        public void copyNewer(int l1Index, long[] words, int first, BitSet newer) {
            // Nothing changes a snapshot's tables.
        }
    }
}
