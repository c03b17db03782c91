package io.cowslip.engine.image;

import io.cowslip.engine.host.HostFile;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import org.jspecify.annotations.Nullable;

/** A raw file: guest offset and host offset are the same. A part of a sector at its end counts, padded with zeros. */
final class RawLayer implements ImageLayer {
    private static final long SECTOR_BYTES = 512;

    private final HostFile file;
    private final long virtualSizeBytes;
    private volatile boolean unsynced;

    RawLayer(HostFile file) throws IOException {
        this.file = file;
        this.virtualSizeBytes = Math.ceilDiv(file.sizeBytes(), SECTOR_BYTES) * SECTOR_BYTES;
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
        return virtualSizeBytes;
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

    @Override
    public long writeInPlace(long guestOffset, MemorySegment from) throws IOException {
        file.write(guestOffset, from);
        unsynced = true;
        return from.byteSize();
    }

    @Override
    public void write(long guestOffset, MemorySegment from) throws IOException {
        writeInPlace(guestOffset, from);
    }

    @Override
    public void zero(long guestOffset, long lengthBytes) throws IOException {
        file.zero(guestOffset, lengthBytes);
        unsynced = true;
    }

    @Override
    public void discard(long guestOffset, long lengthBytes) throws IOException {
        file.punch(guestOffset, lengthBytes);
        unsynced = true;
    }

    @Override
    public void flush() throws IOException {
        if (unsynced) {
            unsynced = false;
            WriteBarrier.syncRaw(file);
        }
    }

    @Override
    public LayerStats stats() {
        return new LayerStats(file.path(), ImageFormat.RAW, virtualSizeBytes, 0, null, null);
    }

    /** A raw file has no metadata, so no caches. */
    @Override
    public void cleanCaches() {}

    @Override
    public void close() throws IOException {
        try {
            flush();
        } finally {
            file.close();
        }
    }
}
