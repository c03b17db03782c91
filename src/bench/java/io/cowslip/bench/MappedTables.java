package io.cowslip.bench;

import io.cowslip.engine.cache.TableSource;
import io.cowslip.engine.format.BigEndian;
import io.cowslip.engine.format.L2Entry;
import java.lang.foreign.MemorySegment;
import java.util.SplittableRandom;

/** The L2 tables of a full disk of 64 KiB clusters, in memory. */
public final class MappedTables implements TableSource {
    static final int CLUSTER_BITS = 16;

    /** What a slice of the tables is like, and so how a cache that packs holds it. */
    public enum Form {
        /** Clusters follow each other in the file. */
        RUN,
        /** Clusters lie at random in the file. */
        PACKED,
        /** As {@link #PACKED}, and some are shared: nothing but the plain entries says that. */
        PLAIN
    }

    private final long[] entries;

    MappedTables(int guestClusters, Form form) {
        entries = new long[guestClusters];
        SplittableRandom random = new SplittableRandom(guestClusters);
        for (int cluster = 0; cluster < guestClusters; cluster++) {
            int other = form == Form.RUN ? cluster : random.nextInt(cluster + 1);
            entries[cluster] = entries[other];
            entries[other] = cluster + 1L << CLUSTER_BITS;
        }
        for (int cluster = 0; cluster < guestClusters; cluster++) {
            entries[cluster] |= form == Form.PLAIN && cluster % 7 == 0 ? 0 : L2Entry.COPIED;
        }
    }

    @Override
    public void load(long slice, int count, MemorySegment into) {
        int wanted = (int) (into.byteSize() / Long.BYTES);
        MemorySegment.copy(entries, (int) slice * (wanted / count), into, BigEndian.LONG, 0, wanted);
    }
}
