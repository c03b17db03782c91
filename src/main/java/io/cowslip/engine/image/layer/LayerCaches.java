package io.cowslip.engine.image.layer;

import io.cowslip.engine.ImageException;
import io.cowslip.engine.cache.CacheBudget;
import io.cowslip.engine.cache.CacheOptions;
import io.cowslip.engine.cache.CacheStats;
import io.cowslip.engine.cache.L2SliceCache;
import io.cowslip.engine.cache.RefcountBlockCache;
import io.cowslip.engine.format.ImageGeometry;
import io.cowslip.engine.image.map.ClusterMap;
import io.cowslip.engine.image.map.DiskSize;
import java.io.IOException;
import org.jspecify.annotations.Nullable;

/**
 * The two caches of one open qcow2 layer: which sizes are in force, and how caches of other sizes take their place. The
 * image's owner lets one change happen at a time; all else is for any thread.
 */
final class LayerCaches {
    private static final long NOTHING_KEPT = 0;

    private final CacheMaker maker;
    private final DiskSize diskSize;
    private final ClusterMap map;
    private final @Nullable Qcow2Writing writing;
    private volatile CacheBudget budget;

    /**
     * @param budget what the caches that {@code map} and {@code writing} have are made by
     * @param writing null: the layer is only read and has no refcount cache
     */
    LayerCaches(
            CacheMaker maker, CacheBudget budget, DiskSize diskSize, ClusterMap map, @Nullable Qcow2Writing writing) {
        this.maker = maker;
        this.budget = budget;
        this.diskSize = diskSize;
        this.map = map;
        this.writing = writing;
    }

    CacheStats l2Stats() {
        return map.slices().stats();
    }

    /** @param fileBytes size of the image file */
    CacheStats refcountStats(long fileBytes) {
        return writing == null
                ? RefcountBlockCache.statsWithoutCache(budget, maker.geometry(), fileBytes)
                : writing.refcountCache().stats(fileBytes);
    }

    /** Drops idle entries. */
    void clean() {
        map.slices().clean();
        if (writing != null) {
            writing.cleanRefcountCache();
        }
    }

    /** Ends the caches; nobody uses them any more. */
    void close() {
        if (writing != null) {
            writing.refcountCache().close();
        }
        maker.destroy(map.slices());
    }

    /** Gets other sizes ready for the same disk, with nothing in them. */
    CacheChange prepare(CacheOptions options) throws ImageException {
        CacheBudget wanted = CacheBudget.of(options, maker.geometryOf(diskSize.bytes()));
        return wanted.equals(budget) ? CacheChange.NONE : new Change(wanted, diskSize.bytes(), NOTHING_KEPT);
    }

    /** Gets caches ready that have nothing in them and are otherwise as those in force. */
    Change prepareEmpty() throws ImageException {
        return new Change(budget, diskSize.bytes(), NOTHING_KEPT);
    }

    /** The same for a disk of another size. */
    Change prepareEmpty(CacheOptions options, long newBytes) throws ImageException {
        return new Change(CacheBudget.of(options, maker.geometryOf(newBytes)), newBytes, NOTHING_KEPT);
    }

    /** Gets caches ready for a disk of another size, to have what those in force have of the part that both disks have. */
    Change prepareResize(CacheOptions options, long newBytes) throws ImageException {
        ImageGeometry next = maker.geometryOf(newBytes);
        long endOfKept = newBytes < diskSize.bytes() ? next.guestClusters() : Long.MAX_VALUE;
        return new Change(CacheBudget.of(options, next), newBytes, endOfKept);
    }

    /** Other caches, made already. */
    final class Change implements CacheChange {
        private final CacheBudget wanted;
        private final L2SliceCache prepared;
        private final long endOfKept;
        private @Nullable L2SliceCache replaced;

        /** @param endOfKept the guest cluster up to which cached slices go on to hold; or {@link #NOTHING_KEPT} */
        private Change(CacheBudget wanted, long diskBytes, long endOfKept) throws ImageException {
            this.wanted = wanted;
            this.prepared = maker.slices(wanted, diskBytes, map.source());
            this.endOfKept = endOfKept;
        }

        @Override
        public void putInForce() throws IOException {
            if (writing == null) {
                replaceSlices();
            } else {
                replaceRefcountCache();
                writing.whileClean(this::replaceSlices);
            }
        }

        /** The blocks that are cached stay so, and without another size so does the cache. */
        void replaceRefcountCache() throws IOException {
            if (writing != null && writing.refcountCache().budget().refcountEntries() != wanted.refcountEntries()) {
                writing.replaceRefcountCache(source -> maker.refcounts(wanted, source));
            }
        }

        /** While nothing of the old slices is newer than the file. */
        void replaceSlices() {
            if (endOfKept != NOTHING_KEPT) {
                prepared.takeOver(map.slices(), endOfKept);
            }
            replaced = map.replaceSlices(prepared);
            budget = wanted;
        }

        @Override
        public void finish() {
            maker.destroy(replaced == null ? prepared : replaced);
        }
    }
}
