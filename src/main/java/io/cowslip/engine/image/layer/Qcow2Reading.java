package io.cowslip.engine.image.layer;

import io.cowslip.engine.codec.ClusterCodec;
import io.cowslip.engine.format.ImageGeometry;
import io.cowslip.engine.host.HostFile;
import io.cowslip.engine.host.IoBuffers;
import io.cowslip.engine.image.map.ClusterMap;
import io.cowslip.engine.image.map.DataStore;
import io.cowslip.engine.image.map.Extent;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.channels.WritableByteChannel;
import org.jspecify.annotations.Nullable;

/** The reading half of an open qcow2 image: what the map says, read from the file or from below. Any thread, without a lock. */
final class Qcow2Reading {
    private final Qcow2Layer layer;
    private final HostFile file;
    private final ImageGeometry geometry;
    private final DataStore data;
    private final @Nullable ImageLayer backing;
    private final ClusterMap map;
    private final ClusterCodec codec;

    /** @param map that of {@code layer} */
    Qcow2Reading(Qcow2Layer layer, ClusterMap map, ClusterCodec codec) {
        this.layer = layer;
        this.file = layer.file();
        this.geometry = layer.geometry();
        this.data = layer.data();
        this.backing = layer.backing();
        this.map = map;
        this.codec = codec;
    }

    /** As {@link ImageLayer#read}. */
    void read(long guestOffset, MemorySegment into) throws IOException {
        long done = 0;
        while (done < into.byteSize()) {
            Extent extent = layer.mapped(guestOffset + done, into.byteSize() - done);
            readExtent(extent, guestOffset + done, into.asSlice(done, extent.lengthBytes()));
            done += extent.lengthBytes();
        }
    }

    private void readExtent(Extent extent, long guestOffset, MemorySegment into) throws IOException {
        switch (extent) {
            case Extent.Data run -> data.read(run.hostOffset(), guestOffset, into);
            case Extent.Zero zero -> into.fill((byte) 0);
            case Extent.Hole hole -> readBelow(guestOffset, into);
            case Extent.Compressed compressed -> readCompressed(compressed, into);
        }
    }

    private void readBelow(long guestOffset, MemorySegment into) throws IOException {
        if (backing == null) {
            into.fill((byte) 0);
        } else {
            backing.readPadded(guestOffset, into);
        }
    }

    private void readCompressed(Extent.Compressed compressed, MemorySegment into) throws IOException {
        try (IoBuffers.Loan packed = IoBuffers.borrow(compressed.payloadBytes());
                IoBuffers.Loan plain = IoBuffers.borrow(geometry.clusterBytes())) {
            MemorySegment payload = packed.segment(compressed.payloadBytes());
            // The last sector that a payload may reach into need not be in the file.
            payload.asSlice(file.read(compressed.hostOffset(), payload)).fill((byte) 0);
            MemorySegment cluster = plain.segment(geometry.clusterBytes());
            codec.decode(payload, cluster);
            MemorySegment.copy(cluster, compressed.offsetInCluster(), into, 0, into.byteSize());
        }
    }

    /** As {@link ImageLayer#transferTo}. */
    long transferTo(long guestOffset, long minLengthBytes, long maxLengthBytes, WritableByteChannel target)
            throws IOException {
        return switch (map.extentAt(guestOffset, maxLengthBytes)) {
            case Extent.Data run -> data.transferTo(run.hostOffset(), minLengthBytes, run.lengthBytes(), target);
            case Extent.Hole hole -> transferBelow(guestOffset, minLengthBytes, hole.lengthBytes(), target);
            case Extent.Zero zero -> HostFile.NOT_TRANSFERABLE;
            case Extent.Compressed compressed -> HostFile.NOT_TRANSFERABLE;
        };
    }

    private long transferBelow(long guestOffset, long minLengthBytes, long lengthBytes, WritableByteChannel target)
            throws IOException {
        if (backing == null || guestOffset >= backing.virtualSizeBytes()) {
            return HostFile.NOT_TRANSFERABLE;
        }
        long within = Math.min(lengthBytes, backing.virtualSizeBytes() - guestOffset);
        return backing.transferTo(guestOffset, minLengthBytes, within, target);
    }
}
