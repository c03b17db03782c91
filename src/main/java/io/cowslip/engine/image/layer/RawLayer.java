package io.cowslip.engine.image.layer;

import io.cowslip.engine.ImageException;
import io.cowslip.engine.cache.CacheOptions;
import io.cowslip.engine.host.HostFile;
import io.cowslip.engine.image.bitmap.Bitmaps;
import io.cowslip.engine.image.file.UnsyncedData;
import io.cowslip.engine.image.map.DiskSize;
import io.cowslip.engine.image.map.GuestExtent;
import io.cowslip.engine.image.map.MappedExtent;
import io.cowslip.engine.image.options.ImageFormat;
import io.cowslip.engine.image.options.ImageOptions;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.channels.WritableByteChannel;
import org.jspecify.annotations.Nullable;

/** A raw file: guest offset and host offset are the same. A part of a sector at its end counts, padded with zeros. */
public final class RawLayer implements ImageLayer {
    private static final long SECTOR_BYTES = 512;

    private final HostFile file;
    private final DiskSize diskSize;
    private final boolean writable;
    private final UnsyncedData unsynced;

    /** @param file locked by the caller; closed with the layer */
    public RawLayer(HostFile file, boolean writable) throws IOException {
        this.file = file;
        this.writable = writable;
        this.unsynced = new UnsyncedData(file);
        this.diskSize = new DiskSize(Math.ceilDiv(file.sizeBytes(), SECTOR_BYTES) * SECTOR_BYTES);
    }

    @Override
    public HostFile file() {
        return file;
    }

    @Override
    public ImageFormat format() {
        return ImageFormat.RAW;
    }

    @Override
    public long virtualSizeBytes() {
        return diskSize.bytes();
    }

    @Override
    public @Nullable ImageLayer backing() {
        return null;
    }

    @Override
    public void read(long guestOffset, MemorySegment into) throws IOException {
        long count = file.read(guestOffset, into);
        if (count < into.byteSize()) {
            into.asSlice(count).fill((byte) 0);
        }
    }

    @Override
    public long transferTo(long guestOffset, long minLengthBytes, long maxLengthBytes, WritableByteChannel target)
            throws IOException {
        return file.transferTo(guestOffset, minLengthBytes, maxLengthBytes, target);
    }

    @Override
    public GuestExtent extentAt(long guestOffset, long maxLengthBytes) throws IOException {
        long end = guestOffset + maxLengthBytes;
        long data = file.nextData(guestOffset);
        if (data > guestOffset) {
            return new GuestExtent(guestOffset, Math.min(data, end) - guestOffset, true, true);
        }
        long hole = file.nextHole(guestOffset);
        if (hole <= guestOffset) {
            return new GuestExtent(guestOffset, maxLengthBytes, true, true);
        }
        return new GuestExtent(guestOffset, Math.min(hole, end) - guestOffset, false, false);
    }

    /** A raw file has every byte of the disk, in holes too. */
    @Override
    public MappedExtent mapAt(long guestOffset, long maxLengthBytes) throws IOException {
        GuestExtent extent = extentAt(guestOffset, maxLengthBytes);
        return new MappedExtent(
                guestOffset, extent.length(), 0, true, extent.zero(), !extent.hole(), guestOffset, file.path());
    }

    @Override
    public Holding holdingIn(long guestOffset, long lengthBytes) throws IOException {
        return readsAsZeros(guestOffset, lengthBytes) ? Holding.NOTHING : Holding.BYTES;
    }

    @Override
    public long writeInPlace(long guestOffset, MemorySegment from) throws IOException {
        unsynced.requireSound();
        try {
            file.write(guestOffset, from);
        } finally {
            unsynced.written();
        }
        return from.byteSize();
    }

    @Override
    public long writeSome(long guestOffset, MemorySegment from) throws IOException {
        return writeInPlace(guestOffset, from);
    }

    @Override
    public void zero(long guestOffset, long lengthBytes, boolean unmap) throws IOException {
        unsynced.requireSound();
        try {
            file.zero(guestOffset, lengthBytes);
            if (unmap) {
                file.punch(guestOffset, lengthBytes);
            }
        } finally {
            unsynced.written();
        }
    }

    @Override
    public void discard(long guestOffset, long lengthBytes) throws IOException {
        unsynced.requireSound();
        try {
            file.punch(guestOffset, lengthBytes);
        } finally {
            unsynced.written();
        }
    }

    @Override
    public void flush() throws IOException {
        unsynced.sync();
    }

    @Override
    public void settle() throws IOException {
        flush();
    }

    /** A raw file's discards are all the guest's, and go to the host. */
    @Override
    public void followWrites(ImageOptions options) {}

    @Override
    public int clusterBytes() {
        return 0;
    }

    @Override
    public <T> T withBitmaps(Bitmaps.Use<T> use) throws IOException {
        throw ImageLayer.noBitmaps(ImageFormat.RAW);
    }

    @Override
    public boolean isWritable() {
        return writable;
    }

    @Override
    public void requirePossible(ImageOptions options) throws ImageException {
        if (!options.readOnly() && options.writes().compress()) {
            throw ImageException.invalidOption(
                    "compress",
                    "compress is true, but the image is raw and has nothing compressed; leave compress out");
        }
    }

    /** A raw file has no metadata to guard. */
    @Override
    public void guard(ImageOptions options) {}

    /** A raw file has no metadata, so no caches. */
    @Override
    public CacheChange prepareCaches(CacheOptions options) {
        return CacheChange.NONE;
    }

    @Override
    public DiskResizing resizing() {
        return new RawResizing(file, diskSize, unsynced);
    }

    @Override
    public LayerStats stats() {
        return new LayerStats(file.path(), ImageFormat.RAW, diskSize.bytes(), 0, null, null, false);
    }

    /** A raw file has no metadata, so no caches. */
    @Override
    public void cleanCaches() {}

    @Override
    public void close() throws IOException {
        try {
            if (writable) {
                flush();
            }
        } finally {
            unsynced.beforeClose();
            file.close();
        }
    }
}
