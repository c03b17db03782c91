package io.cowslip.engine.cache;

import io.cowslip.engine.format.BigEndian;
import io.cowslip.engine.format.L2Entry;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;

/**
 * The L2 tables of a disk that is not there: each entry names its guest cluster until another value is written back.
 * Loads and stores are noted in order, and can be held up or refused.
 */
final class SliceStore implements TableSource, TableSink {

    /** What every load or store goes through. */
    @FunctionalInterface
    interface Gate {
        void pass(long key) throws IOException;
    }

    private static final long TAG = 0x5A << 24;
    private static final long DISK_CLUSTERS = SliceCaches.GEOMETRY.guestClusters() + 1;

    private final boolean inSequence;

    private final Map<Long, byte[]> written = new ConcurrentHashMap<>();
    private final List<Long> loads = new ArrayList<>();
    private final List<Long> stores = new ArrayList<>();
    private volatile Gate loading = key -> {};
    private volatile Gate storing = key -> {};

    SliceStore() {
        this(false);
    }

    private SliceStore(boolean inSequence) {
        this.inSequence = inSequence;
    }

    /** The entry of a cluster that has been put {@code times} times. Never zero, so as to differ from released memory. */
    static long entryOf(long cluster, int times) {
        return cluster << 32 | TAG | times;
    }

    static long entryOf(long cluster) {
        return entryOf(cluster, 0);
    }

    /** How often the cluster had been put, or -1 when the entry is not one of this cluster. */
    static int timesPut(long cluster, long entry) {
        int times = (int) entry & 0xFF_FFFF;
        return entry == entryOf(cluster, times) ? times : -1;
    }

    /**
     * The same on a disk whose clusters lie in the file as on the disk until they are put: slices begin as runs, and what
     * is put moves a cluster away by as many whole disks.
     */
    static SliceStore inSequence() {
        return new SliceStore(true);
    }

    boolean isInSequence() {
        return inSequence;
    }

    /** The entry of a cluster on this disk. */
    long entry(long cluster, int times) {
        return inSequence
                ? L2Entry.COPIED | (cluster + 1 + times * DISK_CLUSTERS) << SliceCaches.CLUSTER_BITS
                : entryOf(cluster, times);
    }

    /** As {@link #timesPut}, on this disk. */
    int times(long cluster, long entry) {
        if (!inSequence) {
            return timesPut(cluster, entry);
        }
        int times = (int) ((L2Entry.hostOffset(entry) >>> SliceCaches.CLUSTER_BITS) / DISK_CLUSTERS);
        return entry == entry(cluster, times) ? times : -1;
    }

    void onLoad(Gate gate) {
        loading = gate;
    }

    void onStore(Gate gate) {
        storing = gate;
    }

    /** Keys in the order in which their loads began. */
    synchronized List<Long> loads() {
        return List.copyOf(loads);
    }

    /** Keys in the order in which they were written, failures left out. */
    synchronized List<Long> stores() {
        return List.copyOf(stores);
    }

    @Override
    public void load(long key, int pieces, MemorySegment into) throws IOException {
        long pieceBytes = into.byteSize() / pieces;
        for (int piece = 0; piece < pieces; piece++) {
            load(key + piece, into.asSlice(piece * pieceBytes, pieceBytes));
        }
    }

    private void load(long key, MemorySegment into) throws IOException {
        synchronized (this) {
            loads.add(key);
        }
        // Whoever reads a slice before it is whole finds what belongs to no cluster.
        into.fill((byte) 0xFF);
        loading.pass(key);
        byte[] bytes = written.get(key);
        if (bytes != null) {
            MemorySegment.copy(bytes, 0, into, ValueLayout.JAVA_BYTE, 0, bytes.length);
            return;
        }
        long entries = into.byteSize() / Long.BYTES;
        for (long index = 0; index < entries; index++) {
            into.setAtIndex(BigEndian.LONG, index, entry(key * entries + index, 0));
        }
    }

    @Override
    public void store(long key, MemorySegment from) throws IOException {
        storing.pass(key);
        written.put(key, from.toArray(ValueLayout.JAVA_BYTE));
        synchronized (this) {
            stores.add(key);
        }
    }
}
