package io.cowslip.engine.image.layer;

import io.cowslip.engine.format.ImageGeometry;
import io.cowslip.engine.image.map.ClusterMap;
import io.cowslip.engine.image.map.DataStore;
import io.cowslip.engine.image.map.Extent;
import io.cowslip.engine.image.map.GuestExtent;
import io.cowslip.engine.image.map.MappedExtent;
import java.io.IOException;
import org.jspecify.annotations.Nullable;

/**
 * What can be said of a qcow2 disk by its map and those below, without reading its bytes: how a range reads, where its
 * bytes are, and what the image holds for it. Any thread.
 */
final class Qcow2Extents {
    private final Qcow2Layer layer;
    private final ImageGeometry geometry;
    private final DataStore data;
    private final @Nullable ImageLayer backing;
    private final ClusterMap map;

    /** @param map that of {@code layer} */
    Qcow2Extents(Qcow2Layer layer, ClusterMap map) {
        this.layer = layer;
        this.geometry = layer.geometry();
        this.data = layer.data();
        this.backing = layer.backing();
        this.map = map;
    }

    /** As {@link ImageLayer#extentAt}. */
    GuestExtent extentAt(long guestOffset, long maxLengthBytes) throws IOException {
        return switch (layer.mapped(guestOffset, maxLengthBytes)) {
            case Extent.Data run -> data.extentAt(run.hostOffset(), guestOffset, run.lengthBytes());
            case Extent.Compressed compressed -> new GuestExtent(guestOffset, compressed.lengthBytes(), false, false);
            case Extent.Zero zero -> new GuestExtent(guestOffset, zero.lengthBytes(), true, false);
            case Extent.Hole hole -> extentBelow(guestOffset, hole.lengthBytes());
        };
    }

    /** How the layer below reads, and zeros where there is none. */
    GuestExtent extentBelow(long guestOffset, long lengthBytes) throws IOException {
        if (backing == null || guestOffset >= backing.virtualSizeBytes()) {
            return new GuestExtent(guestOffset, lengthBytes, true, true);
        }
        return backing.extentAt(guestOffset, Math.min(lengthBytes, backing.virtualSizeBytes() - guestOffset));
    }

    /** As {@link ImageLayer#mapAt}. */
    MappedExtent mapAt(long guestOffset, long maxLengthBytes) throws IOException {
        return switch (layer.mapped(guestOffset, maxLengthBytes)) {
            case Extent.Data run -> data.mapAt(run.hostOffset(), guestOffset, run.lengthBytes());
            case Extent.Compressed compressed -> MappedExtent.packed(guestOffset, compressed.lengthBytes());
            case Extent.Zero zero -> mapZeros(guestOffset, zero);
            case Extent.Hole hole -> mapBelow(guestOffset, hole.lengthBytes());
        };
    }

    /** As {@code qemu-img map}, which takes zeros at the beginning of a data file for ones that have no place. */
    private MappedExtent mapZeros(long guestOffset, Extent.Zero zero) {
        if (!zero.hasPlace() || data.encrypted() != null) {
            return MappedExtent.zeros(guestOffset, zero.lengthBytes());
        }
        long inFirstBytes = geometry.extendedL2() ? 0 : geometry.clusterBytes() - zero.hostOffset();
        if (inFirstBytes > 0) {
            return MappedExtent.zeros(guestOffset, Math.min(inFirstBytes, zero.lengthBytes()));
        }
        return MappedExtent.zeros(guestOffset, zero.lengthBytes())
                .at(zero.hostOffset(), data.file().path());
    }

    private MappedExtent mapBelow(long guestOffset, long lengthBytes) throws IOException {
        if (backing == null || guestOffset >= backing.virtualSizeBytes()) {
            return MappedExtent.absent(guestOffset, lengthBytes);
        }
        return backing.mapAt(guestOffset, Math.min(lengthBytes, backing.virtualSizeBytes() - guestOffset))
                .deeper();
    }

    /** As {@link ImageLayer#ownRunAt}. */
    ImageLayer.OwnRun ownRunAt(long guestOffset, long maxLengthBytes) throws IOException {
        Extent extent = layer.mapped(guestOffset, maxLengthBytes);
        return new ImageLayer.OwnRun(extent.lengthBytes(), !(extent instanceof Extent.Hole));
    }

    /** Of a cluster that shows something of the layers below nothing can be let go, nor of one that a snapshot has too. */
    ImageLayer.Holding holdingIn(long guestOffset, long lengthBytes) throws IOException {
        if ((backing != null && layer.version() == 2) || !map.hasOwnTable(guestOffset >>> geometry.clusterBits())) {
            return ImageLayer.Holding.NOTHING;
        }
        boolean backed = backing != null && guestOffset < backing.virtualSizeBytes();
        boolean bytes = false;
        boolean places = false;
        long position = guestOffset;
        while (position < guestOffset + lengthBytes) {
            Extent extent = layer.mapped(position, guestOffset + lengthBytes - position);
            if (isShared(extent, backed)) {
                return ImageLayer.Holding.NOTHING;
            }
            bytes |= extent instanceof Extent.Data || extent instanceof Extent.Compressed;
            places |= extent instanceof Extent.Zero zero && zero.hasPlace();
            position += extent.lengthBytes();
        }
        if (bytes && data.isRaw() && layer.readsAsZeros(guestOffset, lengthBytes)) {
            // Holes of the data file, where a place in the map costs nothing.
            return ImageLayer.Holding.NOTHING;
        }
        return bytes ? ImageLayer.Holding.BYTES : places ? ImageLayer.Holding.PLACES : ImageLayer.Holding.NOTHING;
    }

    /** Whether a snapshot has it too, or it shows what is below. */
    private static boolean isShared(Extent extent, boolean backed) {
        return switch (extent) {
            case Extent.Data run -> !run.copied();
            case Extent.Hole hole -> backed;
            case Extent.Compressed compressed -> false;
            case Extent.Zero zero -> false;
        };
    }
}
