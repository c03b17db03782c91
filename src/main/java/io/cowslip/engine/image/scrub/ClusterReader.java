package io.cowslip.engine.image.scrub;

import io.cowslip.engine.ImageException;
import io.cowslip.engine.format.ExtendedL2Entry;
import io.cowslip.engine.format.ImageGeometry;
import io.cowslip.engine.format.L2Entry;
import io.cowslip.engine.format.SubclusterBitmap;
import io.cowslip.engine.host.IoBuffers;
import io.cowslip.engine.image.layer.Qcow2Layer;
import io.cowslip.engine.image.scrub.ScrubFinding.Kind;
import io.cowslip.engine.image.scrub.ScrubTally.Owner;
import io.cowslip.engine.image.scrub.ScrubTally.Place;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * Reads clusters of one qcow2 file for a scrub, those that follow each other in the file at once, and says which ones
 * cannot be read. Bytes are read as they are in the file: encrypted ones are not decrypted, of which none can fail. Used
 * by one thread, within one request, after the entries were read that lead to the clusters.
 */
final class ClusterReader {
    private final Qcow2Layer layer;
    private final ImageGeometry geometry;
    private final int depth;
    private final ScrubTally tally;
    private @Nullable ScrubState state;
    private long fileBytes;
    private long readBytes;
    private long runCluster;
    private long runHostOffset;
    private long runBytes;

    ClusterReader(Qcow2Layer layer, int depth, ScrubTally tally) {
        this.layer = layer;
        this.geometry = layer.geometry();
        this.depth = depth;
        this.tally = tally;
    }

    /** Begins with a table of {@code of} that is in memory: by then all that it leads to is in the file. */
    void begin(ScrubState of) throws IOException {
        state = of;
        readBytes = 0;
        fileBytes = layer.data().file().sizeBytes();
    }

    /** Bytes that were read since {@link #begin}, or are about to be. */
    long readBytes() {
        return readBytes + runBytes;
    }

    /** Reads what the state has of a cluster, of which {@code lengthBytes} are on the disk, now or until {@link #end}. */
    void read(long cluster, long lengthBytes) throws IOException {
        long entry = state().entry(cluster);
        long bitmap = state().bitmap(cluster);
        if (entry == 0 && bitmap == 0) {
            return;
        }
        Place place = new Place(depth, cluster << geometry.clusterBits(), entry & ~L2Entry.COPIED);
        if (tally.isKnown(place, state().owner())) {
            return;
        }
        try {
            layer.requireSound(new ExtendedL2Entry(entry, bitmap), cluster);
        } catch (ImageException unsound) {
            long hostOffset = L2Entry.isCompressed(entry)
                    ? L2Entry.compressedHostOffset(entry, geometry.clusterBits())
                    : L2Entry.hostOffset(entry);
            found(place, Kind.UNSOUND_ENTRY, lengthBytes, hostOffset, unsound);
            return;
        }
        if (L2Entry.isCompressed(entry)) {
            readCompressed(place, entry, lengthBytes);
        } else if (layer.hasPlace(entry) && !isAllZero(entry, bitmap)) {
            readPlain(place, entry, bitmap, lengthBytes);
        }
    }

    private boolean isAllZero(long entry, long bitmap) {
        return geometry.extendedL2() ? SubclusterBitmap.allocated(bitmap) == 0 : L2Entry.isZero(entry);
    }

    private void readPlain(Place place, long entry, long bitmap, long lengthBytes) throws IOException {
        long hostOffset = L2Entry.hostOffset(entry);
        if (hostOffset >= fileBytes) {
            lost(
                    place,
                    state().owner(),
                    Kind.OUTSIDE_FILE,
                    lengthBytes,
                    hostOffset,
                    "the file ends at " + fileBytes + ", before the cluster at " + hostOffset);
        } else if (geometry.extendedL2() && SubclusterBitmap.allocated(bitmap) != SubclusterBitmap.ALL_ALLOCATED) {
            readSubclusters(place, hostOffset, bitmap, lengthBytes);
        } else {
            addToRun(place.guestOffset() >>> geometry.clusterBits(), hostOffset);
        }
    }

    private void readSubclusters(Place place, long hostOffset, long bitmap, long lengthBytes) throws IOException {
        int subcluster = 0;
        while (subcluster < SubclusterBitmap.SUBCLUSTERS) {
            int count = SubclusterBitmap.alikeFrom(bitmap, subcluster);
            if (SubclusterBitmap.isAllocated(bitmap, subcluster)) {
                ImageException failure = tryRead(
                        hostOffset + ((long) subcluster << geometry.subclusterBits()),
                        (long) count << geometry.subclusterBits());
                if (failure != null) {
                    found(place, Kind.UNREADABLE, lengthBytes, hostOffset, failure);
                    return;
                }
            }
            subcluster += count;
        }
        long allocated = Long.bitCount(SubclusterBitmap.allocated(bitmap));
        count(1, allocated << geometry.subclusterBits());
    }

    private void addToRun(long cluster, long hostOffset) throws IOException {
        boolean follows = runBytes > 0
                && hostOffset == runHostOffset + runBytes
                && cluster == runCluster + (runBytes >>> geometry.clusterBits());
        if (!follows || runBytes >= LayerScrub.READ_BYTES) {
            end();
            runCluster = cluster;
            runHostOffset = hostOffset;
        }
        runBytes += geometry.clusterBytes();
    }

    /** Reads what {@link #read} has put off. */
    void end() throws IOException {
        long bytes = runBytes;
        runBytes = 0;
        if (bytes == 0) {
            return;
        }
        ImageException failure = tryRead(runHostOffset, bytes);
        if (failure == null) {
            count(bytes >>> geometry.clusterBits(), bytes);
            return;
        }
        int clusterBytes = geometry.clusterBytes();
        for (long done = 0; done < bytes; done += clusterBytes) {
            ImageException own = bytes == clusterBytes ? failure : tryRead(runHostOffset + done, clusterBytes);
            if (own == null) {
                count(1, clusterBytes);
            } else {
                foundInRun(done, own);
            }
        }
    }

    private void foundInRun(long done, ImageException failure) {
        long cluster = runCluster + (done >>> geometry.clusterBits());
        long guestOffset = cluster << geometry.clusterBits();
        Place place = new Place(depth, guestOffset, state().entry(cluster) & ~L2Entry.COPIED);
        long lengthBytes = Math.min(geometry.clusterBytes(), state().diskBytes() - guestOffset);
        found(place, Kind.UNREADABLE, lengthBytes, runHostOffset + done, failure);
    }

    private void readCompressed(Place place, long entry, long lengthBytes) throws IOException {
        long hostOffset = L2Entry.compressedHostOffset(entry, geometry.clusterBits());
        int payloadBytes = L2Entry.compressedPayloadBytes(entry, geometry.clusterBits());
        if (hostOffset >= fileBytes) {
            lost(
                    place,
                    state().owner(),
                    Kind.OUTSIDE_FILE,
                    lengthBytes,
                    hostOffset,
                    "the file ends at " + fileBytes + ", before the compressed cluster at " + hostOffset);
            return;
        }
        try (IoBuffers.Loan packed = IoBuffers.borrow(payloadBytes);
                IoBuffers.Loan plain = IoBuffers.borrow(geometry.clusterBytes())) {
            MemorySegment payload = packed.segment(payloadBytes);
            payload.asSlice(layer.file().read(hostOffset, payload)).fill((byte) 0);
            layer.codec().decode(payload, plain.segment(geometry.clusterBytes()));
            tally.decompressed(payloadBytes);
            readBytes += payloadBytes;
        } catch (ImageException failure) {
            Kind kind = failure.kind() == ImageException.Kind.IO ? Kind.UNREADABLE : Kind.UNDECODABLE;
            found(place, kind, lengthBytes, hostOffset, PlainScrub.requireOfImage(failure));
        }
    }

    /** Reads some of the file; returns why that cannot be, or null. A file may end before its last cluster does. */
    private @Nullable ImageException tryRead(long hostOffset, long lengthBytes) throws IOException {
        try (IoBuffers.Loan loan = IoBuffers.borrow(lengthBytes)) {
            layer.data().file().read(hostOffset, loan.segment(lengthBytes));
            return null;
        } catch (ImageException failure) {
            return PlainScrub.requireOfImage(failure);
        }
    }

    private void count(long clusters, long bytes) {
        tally.read(clusters, bytes);
        readBytes += bytes;
    }

    private void found(Place place, Kind kind, long lengthBytes, long hostOffset, ImageException failure) {
        lost(place, state().owner(), kind, lengthBytes, hostOffset, String.valueOf(failure.getMessage()));
    }

    /** Notes what cannot be read. */
    void lost(Place place, Owner owner, Kind kind, long lengthBytes, long hostOffset, String detail) {
        boolean inImage = kind == Kind.UNREADABLE_TABLE || kind == Kind.UNDECODABLE;
        tally.found(
                place,
                owner,
                kind,
                (inImage ? layer.file() : layer.data().file()).path(),
                lengthBytes,
                hostOffset,
                detail);
        // What could not be read took its time as well.
        readBytes += kind == Kind.UNREADABLE ? geometry.clusterBytes() : 0;
    }

    private ScrubState state() {
        return Objects.requireNonNull(state);
    }
}
