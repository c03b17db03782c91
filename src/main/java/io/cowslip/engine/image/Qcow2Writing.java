package io.cowslip.engine.image;

import io.cowslip.engine.ImageException;
import io.cowslip.engine.alloc.ClusterAllocator;
import io.cowslip.engine.alloc.InFlightRequests;
import io.cowslip.engine.alloc.Quarantine;
import io.cowslip.engine.alloc.Refcounts;
import io.cowslip.engine.cache.RefcountBlockCache;
import io.cowslip.engine.cache.ResidentTable;
import io.cowslip.engine.cache.TableSource;
import io.cowslip.engine.format.ImageGeometry;
import io.cowslip.engine.format.ImageHeader;
import io.cowslip.engine.host.HostFile;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.util.concurrent.locks.ReentrantLock;

/**
 * The writing half of an open qcow2 image: everything that changes metadata, behind the image's one metadata lock.
 * Reading goes on beside it.
 */
final class Qcow2Writing {
    private final HostFile file;
    private final ImageGeometry geometry;
    private final ReentrantLock metadataLock = new ReentrantLock();
    private final Refcounts refcounts;
    private final ClusterAllocator allocator;
    private final WriteBarrier barrier;
    private final ClusterWriter writer;
    private final ClusterEraser eraser;

    Qcow2Writing(
            Qcow2Layer layer,
            ImageHeader header,
            ResidentTable l1,
            ClusterMap map,
            InFlightRequests requests,
            RefcountCaches caches)
            throws IOException {
        this.file = layer.file();
        this.geometry = header.geometry();
        Quarantine quarantine = new Quarantine(requests);
        ResidentTable refcountTable = ResidentTable.read(
                "refcount table",
                file,
                header.refcountTableOffset(),
                (header.refcountTableClusters() << header.clusterBits()) / Long.BYTES);
        this.barrier = new WriteBarrier(file, geometry, l1, map, quarantine);
        this.refcounts = new Refcounts(file, geometry, l1, refcountTable, quarantine, this::writeBackRefcounts);
        refcounts.requireSoundTable(file.sizeBytes());
        refcounts.useCache(caches.create(this::loadRefcountBlock));
        this.allocator = new ClusterAllocator(file, geometry, refcounts, quarantine);
        WritableMap writableMap = new WritableMap(file, geometry, l1, map, refcounts, allocator, barrier);
        this.writer = new ClusterWriter(file, geometry, layer, writableMap, allocator, barrier);
        this.eraser = new ClusterEraser(geometry, header.version(), layer, layer.backing(), writableMap, writer);
        try {
            barrier.beginWriting(header);
        } catch (IOException | RuntimeException | Error refused) {
            refcounts.cache().close();
            throw refused;
        }
    }

    /** Makes a refcount cache, given where it loads from. */
    @FunctionalInterface
    interface RefcountCaches {
        RefcountBlockCache create(TableSource source) throws ImageException;
    }

    /** A change of metadata. */
    @FunctionalInterface
    private interface Change {
        void make() throws IOException;
    }

    WriteBarrier barrier() {
        return barrier;
    }

    long writeSome(long guestOffset, MemorySegment from) throws IOException {
        metadataLock.lock();
        try {
            barrier.requireSound();
            return writer.writeSome(guestOffset, from);
        } catch (ImageException failure) {
            throw stoppingIfCorrupt(failure);
        } finally {
            metadataLock.unlock();
        }
    }

    void zero(long guestOffset, long lengthBytes) throws IOException {
        inSteps(guestOffset, lengthBytes, eraser::zero);
    }

    void discard(long guestOffset, long lengthBytes) throws IOException {
        inSteps(guestOffset, lengthBytes, eraser::discard);
    }

    void flush() throws IOException {
        changing(() -> {
            barrier.commit(refcounts);
            allocator.reclaimWherePossible();
        });
    }

    /** Writes everything, counts of freed clusters included. No request is in flight. */
    void settle() throws IOException {
        changing(() -> barrier.settle(refcounts, allocator));
    }

    /** Puts another refcount cache in the place of the one in use, and ends that. */
    void replaceRefcountCache(RefcountCaches caches) throws IOException {
        RefcountBlockCache other = caches.create(this::loadRefcountBlock);
        try {
            changing(() -> {
                barrier.writeBackRefcounts(refcounts);
                refcounts.cache().close();
                refcounts.useCache(other);
            });
        } catch (IOException refused) {
            other.close();
            throw refused;
        }
    }

    /** Runs while no metadata changes and nothing in the L2 cache is newer than the file. */
    void whileClean(Runnable action) throws IOException {
        changing(() -> {
            barrier.commit(refcounts);
            action.run();
        });
    }

    RefcountBlockCache refcountCache() {
        return refcounts.cache();
    }

    void cleanRefcountCache() {
        metadataLock.lock();
        try {
            refcounts.cache().clean();
        } finally {
            metadataLock.unlock();
        }
    }

    /** The metadata lock is given up after each L2 table's worth of disk, so that others get their turn. */
    private void inSteps(long guestOffset, long lengthBytes, Step step) throws IOException {
        long end = guestOffset + lengthBytes;
        long position = guestOffset;
        while (position < end) {
            long bytesPerTable = geometry.guestBytesPerTable();
            long from = position;
            long to = Math.min(end, (position & -bytesPerTable) + bytesPerTable);
            changing(() -> step.apply(from, to - from));
            position = to;
        }
    }

    @FunctionalInterface
    private interface Step {
        void apply(long guestOffset, long lengthBytes) throws IOException;
    }

    private void changing(Change change) throws IOException {
        metadataLock.lock();
        try {
            barrier.requireSound();
            change.make();
        } catch (ImageException failure) {
            throw stoppingIfCorrupt(failure);
        } finally {
            metadataLock.unlock();
        }
    }

    /** Metadata that contradicts itself must not be built upon: the image takes no more writes. */
    private ImageException stoppingIfCorrupt(ImageException failure) {
        if (failure.kind() == ImageException.Kind.CORRUPT) {
            barrier.fail(failure);
        }
        return failure;
    }

    private void writeBackRefcounts() throws IOException {
        barrier.writeBackRefcounts(refcounts);
    }

    private void loadRefcountBlock(long blockIndex, int one, MemorySegment into) throws IOException {
        long hostOffset = refcounts.blockOffset(blockIndex);
        if (file.read(hostOffset, into) < into.byteSize()) {
            throw ImageException.of(
                    ImageException.Kind.CORRUPT,
                    file.path(),
                    "the refcount block at " + hostOffset + " reaches past the end of the file");
        }
    }
}
