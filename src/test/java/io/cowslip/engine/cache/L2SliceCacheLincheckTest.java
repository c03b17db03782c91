package io.cowslip.engine.cache;

import io.cowslip.engine.format.BigEndian;
import io.cowslip.engine.format.ImageGeometry;
import io.cowslip.testing.Seeds;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.util.HashMap;
import java.util.Map;
import java.util.concurrent.atomic.AtomicReference;
import org.jetbrains.lincheck.datastructures.IntGen;
import org.jetbrains.lincheck.datastructures.ModelCheckingOptions;
import org.jetbrains.lincheck.datastructures.Operation;
import org.jetbrains.lincheck.datastructures.Param;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/**
 * The L2 cache under every interleaving that the model checker comes to: look-ups, puts, write-backs and cleans of three
 * slices in a cache of two, with a fourth slice that cannot be loaded, do as they would one after the other.
 */
@Tag("long")
class L2SliceCacheLincheckTest {
    private static final int CLUSTERS_PER_SLICE = 64;
    private static final int CLUSTER_BITS = 12;
    private static final long LOST_SLICE = 3;
    private static final int PLACE = 7;

    /** Four slices, in one row of the directory: it is gone through in whole, which must not be taken for a wait. */
    private static final ImageGeometry DISK =
            new ImageGeometry(CLUSTER_BITS, (4L * CLUSTERS_PER_SLICE) << CLUSTER_BITS, 4, false);

    private static final int LONGEST_LOOP = 1000;

    /** Whoever loads, changes, writes back and drops one slice. */
    @Test
    void oneSliceIsLinearizable() {
        options(4).check(OneSlice.class);
    }

    /** Slices that take each other's place, and one that nobody can load. */
    @Test
    void slicesThatGiveWayAreLinearizable() {
        options(3).check(PlainCache.class);
    }

    private static ModelCheckingOptions options(int scenarios) {
        return new ModelCheckingOptions()
                .iterations(Seeds.longRun() ? 2 * scenarios : scenarios)
                .invocationsPerIteration(Seeds.longRun() ? 450 : 150)
                .threads(2)
                .actorsPerThread(2)
                .actorsBefore(1)
                .actorsAfter(1)
                .hangingDetectionThreshold(LONGEST_LOOP)
                .sequentialSpecification(Entries.class);
    }

    /** What the cache stands for. */
    public static final class Entries {
        private final Map<Integer, Integer> puts = new HashMap<>();

        public String read(int slice) {
            return slice == LOST_SLICE ? "refused" : String.valueOf(puts.getOrDefault(slice, 0));
        }

        public String put(int slice) {
            return slice == LOST_SLICE ? "refused" : String.valueOf(puts.merge(slice, 1, Integer::sum));
        }

        public String readFirst() {
            return read(0);
        }

        public String putFirst() {
            return put(0);
        }

        public void writeBack() {}

        public void clean() {}
    }

    /** One entry of each slice, in a file that a few lines stand for: the less a load does, the more of them are tried. */
    private static final class File implements TableSource, TableSink {
        private final long[] written = {entry(0), entry(0), entry(0), entry(0)};

        @Override
        public void load(long key, int pieces, MemorySegment into) throws IOException {
            if (key <= LOST_SLICE && LOST_SLICE < key + pieces) {
                throw new IOException("refused");
            }
            long pieceBytes = into.byteSize() / pieces;
            for (int piece = 0; piece < pieces; piece++) {
                into.set(BigEndian.LONG, piece * pieceBytes + PLACE * Long.BYTES, written[(int) key + piece]);
            }
        }

        @Override
        public void store(long key, MemorySegment from) {
            written[(int) key] = from.get(BigEndian.LONG, PLACE * Long.BYTES);
        }
    }

    private static long entry(int times) {
        return ((long) times + 1) << CLUSTER_BITS;
    }

    @Param(name = "slice", gen = IntGen.class, conf = "0:3")
    public static final class PlainCache {
        private static final AtomicReference<@Nullable L2SliceCache> LAST = new AtomicReference<>();

        private final File file = new File();
        private final int[] times = new int[4];
        private final L2SliceCache cache;

        public PlainCache() throws IOException {
            cache = new L2SliceCache(
                    new CacheBudget(512, 2, 1 << CLUSTER_BITS, 4, false), DISK, file, new CacheCounters());
            L2SliceCache before = LAST.getAndSet(cache);
            if (before != null) {
                before.close();
            }
        }

        @Operation
        public String read(@Param(name = "slice") int slice) {
            try {
                return String.valueOf((cache.entry(cluster(slice)) >>> CLUSTER_BITS) - 1);
            } catch (IOException refused) {
                return String.valueOf(refused.getMessage());
            }
        }

        /** The image's metadata lock has one writer at a time. */
        @Operation(nonParallelGroup = "writer")
        public String put(@Param(name = "slice") int slice) {
            try {
                if (cache.mustWriteBackBeforePut(cluster(slice))) {
                    cache.writeBack(file);
                }
                cache.put(cluster(slice), entry(times[slice] + 1));
                times[slice]++;
                return String.valueOf(times[slice]);
            } catch (IOException refused) {
                return String.valueOf(refused.getMessage());
            }
        }

        @Operation(nonParallelGroup = "writer")
        public void writeBack() throws IOException {
            cache.writeBack(file);
        }

        @Operation
        public void clean() {
            cache.clean();
        }

        private static int cluster(int slice) {
            return slice * CLUSTERS_PER_SLICE + PLACE;
        }
    }

    /** The same, of which only the first slice is used. */
    public static final class OneSlice {
        private final PlainCache cache = new PlainCache();

        public OneSlice() throws IOException {}

        @Operation
        public String readFirst() {
            return cache.read(0);
        }

        @Operation(nonParallelGroup = "writer")
        public String putFirst() {
            return cache.put(0);
        }

        @Operation
        public void clean() {
            cache.clean();
        }
    }
}
