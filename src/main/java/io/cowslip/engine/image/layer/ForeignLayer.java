package io.cowslip.engine.image.layer;

import io.cowslip.engine.ImageException;
import io.cowslip.engine.ImageException.Kind;
import io.cowslip.engine.cache.CacheOptions;
import io.cowslip.engine.foreign.DiskRun;
import io.cowslip.engine.foreign.ExtentFiles;
import io.cowslip.engine.foreign.ForeignDisk;
import io.cowslip.engine.foreign.ForeignFormat;
import io.cowslip.engine.host.HostFile;
import io.cowslip.engine.image.bitmap.Bitmaps;
import io.cowslip.engine.image.map.GuestExtent;
import io.cowslip.engine.image.options.ImageFormat;
import io.cowslip.engine.image.options.ImageOptions;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.channels.WritableByteChannel;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/** A disk in another hypervisor's format. It is read only, stands on nothing, and has none of our caches. */
public final class ForeignLayer implements ImageLayer, AutoCloseable {
    private final HostFile file;
    private final ImageFormat format;
    private final ForeignDisk disk;
    private volatile boolean corrupt;

    ForeignLayer(HostFile file, ImageFormat format, ForeignDisk disk) {
        this.file = file;
        this.format = format;
        this.disk = disk;
    }

    /**
     * Opens an image. Nothing that was opened for it stays open when that fails, but {@code file} itself.
     *
     * @throws ImageException as {@link ForeignFormat#open}; what {@code extents} throws
     */
    public static ForeignLayer open(HostFile file, ImageFormat format, ExtentFiles extents) throws IOException {
        ForeignFormat foreign = Objects.requireNonNull(format.foreign());
        return new ForeignLayer(file, format, foreign.open(file, extents));
    }

    /** The disk itself, which ends with the layer. */
    public ForeignDisk disk() {
        return disk;
    }

    /** What is to be done instead of a write to such an image. */
    public static ImageException readOnly(ImageFormat format) {
        return ImageException.invalidOption(
                "read-only",
                "read-only is false, but an image of format \"" + format.wireName()
                        + "\" is only read; give \"read-only\": true, or convert it to qcow2 first");
    }

    @Override
    public HostFile file() {
        return file;
    }

    @Override
    public ImageFormat format() {
        return format;
    }

    @Override
    public long virtualSizeBytes() {
        return disk.virtualSizeBytes();
    }

    @Override
    public @Nullable ImageLayer backing() {
        return null;
    }

    @Override
    public void read(long guestOffset, MemorySegment into) throws IOException {
        long done = 0;
        while (done < into.byteSize()) {
            DiskRun run = runAt(guestOffset + done, into.byteSize() - done);
            MemorySegment part = into.asSlice(done, run.lengthBytes());
            switch (run) {
                case DiskRun.Data data -> readData(data, part);
                case DiskRun.Compressed compressed -> readCompressed(compressed, part);
                case DiskRun.Zero zero -> part.fill((byte) 0);
                case DiskRun.Hole hole -> part.fill((byte) 0);
            }
            done += run.lengthBytes();
        }
    }

    private static void readData(DiskRun.Data run, MemorySegment into) throws IOException {
        long count = run.file().read(run.hostOffset(), into);
        if (count < into.byteSize()) {
            throw ImageException.of(
                    Kind.INVALID_FORMAT,
                    run.file().path(),
                    "the file ends at " + (run.hostOffset() + count) + ", before the disk's bytes at "
                            + run.hostOffset() + " do");
        }
    }

    private void readCompressed(DiskRun.Compressed run, MemorySegment into) throws IOException {
        try {
            run.grain().read(run.offsetInGrain(), into);
        } catch (ImageException failure) {
            throw noticingCorruption(failure);
        }
    }

    private DiskRun runAt(long guestOffset, long maxLengthBytes) throws IOException {
        try {
            return disk.runAt(guestOffset, maxLengthBytes);
        } catch (ImageException failure) {
            throw noticingCorruption(failure);
        }
    }

    private ImageException noticingCorruption(ImageException failure) {
        if (failure.kind() == Kind.INVALID_FORMAT) {
            corrupt = true;
        }
        return failure;
    }

    @Override
    public long transferTo(long guestOffset, long minLengthBytes, long maxLengthBytes, WritableByteChannel target)
            throws IOException {
        return runAt(guestOffset, maxLengthBytes) instanceof DiskRun.Data run
                ? run.file().transferTo(run.hostOffset(), minLengthBytes, run.lengthBytes(), target)
                : HostFile.NOT_TRANSFERABLE;
    }

    @Override
    public GuestExtent extentAt(long guestOffset, long maxLengthBytes) throws IOException {
        return switch (runAt(guestOffset, maxLengthBytes)) {
            case DiskRun.Data run -> dataExtent(run, guestOffset);
            case DiskRun.Compressed run -> new GuestExtent(guestOffset, run.lengthBytes(), false, false);
            case DiskRun.Zero run -> new GuestExtent(guestOffset, run.lengthBytes(), true, false);
            case DiskRun.Hole run -> new GuestExtent(guestOffset, run.lengthBytes(), true, true);
        };
    }

    /** Images with their whole space set aside at once are mostly holes of their files, which need not be read. */
    private GuestExtent dataExtent(DiskRun.Data run, long guestOffset) throws IOException {
        long end = run.hostOffset() + run.lengthBytes();
        long data = run.file().nextData(run.hostOffset());
        if (data > run.hostOffset()) {
            // Without a map of its own the disk says nothing of such a run, as a raw one.
            return new GuestExtent(guestOffset, Math.min(data, end) - run.hostOffset(), true, disk.blockBytes() == 0);
        }
        long hole = run.file().nextHole(run.hostOffset());
        long dataEnd = hole > run.hostOffset() ? Math.min(hole, end) : end;
        return new GuestExtent(guestOffset, dataEnd - run.hostOffset(), false, false);
    }

    @Override
    public long writeInPlace(long guestOffset, MemorySegment from) throws IOException {
        throw refusedWrite();
    }

    @Override
    public long writeSome(long guestOffset, MemorySegment from) throws IOException {
        throw refusedWrite();
    }

    @Override
    public void zero(long guestOffset, long lengthBytes, boolean unmap) throws IOException {
        throw refusedWrite();
    }

    @Override
    public void discard(long guestOffset, long lengthBytes) throws IOException {
        throw refusedWrite();
    }

    private ImageException refusedWrite() {
        return ImageException.of(Kind.READ_ONLY, file.path(), "an image of this format is only read");
    }

    @Override
    public void flush() {}

    @Override
    public void settle() {}

    @Override
    public <T> T withBitmaps(Bitmaps.Use<T> use) throws IOException {
        throw ImageLayer.noBitmaps(format);
    }

    @Override
    public void followWrites(ImageOptions options) {}

    @Override
    public int clusterBytes() {
        return disk.blockBytes();
    }

    @Override
    public boolean isWritable() {
        return false;
    }

    @Override
    public boolean isCorrupt() {
        return corrupt;
    }

    @Override
    public CacheChange prepareCaches(CacheOptions options) {
        return CacheChange.NONE;
    }

    @Override
    public DiskResizing resizing() {
        throw new IllegalStateException("only writable layers are resized");
    }

    @Override
    public void requirePossible(ImageOptions options) throws ImageException {
        if (!options.readOnly()) {
            throw readOnly(format);
        }
    }

    @Override
    public void guard(ImageOptions options) {}

    @Override
    public LayerStats stats() {
        return new LayerStats(file.path(), format, virtualSizeBytes(), disk.blockBytes(), null, null, corrupt);
    }

    @Override
    public void cleanCaches() {}

    @Override
    public void close() throws IOException {
        IOException first = null;
        for (HostFile extent : disk.extentFiles()) {
            try {
                extent.close();
            } catch (IOException failure) {
                first = first == null ? failure : first;
            }
        }
        file.close();
        if (first != null) {
            throw first;
        }
    }
}
