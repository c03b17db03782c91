package io.cowslip.engine.image.bitmap;

import io.cowslip.engine.ImageException;
import io.cowslip.engine.ImageException.Kind;
import io.cowslip.engine.alloc.ClusterAllocator;
import io.cowslip.engine.format.BitmapDirectory;
import io.cowslip.engine.format.BitmapEntry;
import io.cowslip.engine.format.ImageHeader;
import io.cowslip.engine.host.HostFile;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * The persistent dirty bitmaps of one open image (qcow2 specification, "Bitmaps"; QEMU, "Dirty bitmaps").
 *
 * <p>A bitmap is at rest, its bits in the file, or live, its bits in memory and the file saying that it is in use: so
 * are all enabled ones of a writable image, and others that were changed. {@link #save} puts them to rest when the image
 * is closed or turned read-only. Whoever dies before leaves them in use; such a bitmap is inconsistent from then on, says
 * nothing, and can only be deleted.
 *
 * <p>Under the metadata lock, except {@link #changed}, which takes none. A read-only image has one of these per look.
 */
public final class Bitmaps {
    private static final DirtyBits[] NONE = {};

    /** Uses the bitmaps, under the image's metadata lock where it is writable. */
    @FunctionalInterface
    public interface Use<T> {
        T of(Bitmaps bitmaps) throws IOException;
    }

    private final @Nullable BitmapStore store;
    private final BitmapFile reader;
    private final List<Bitmap> bitmaps = new ArrayList<>();
    private long diskBytes;
    private volatile DirtyBits[] tracking = NONE;

    /** One bitmap; {@code bits} while it is live. */
    private static final class Bitmap {
        private BitmapEntry entry;
        private @Nullable DirtyBits bits;

        Bitmap(BitmapEntry entry, @Nullable DirtyBits bits) {
            this.entry = entry;
            this.bits = bits;
        }

        /** As the file has it now. */
        BitmapEntry inFile() {
            return bits == null ? entry : entry.withFlags(entry.flags() | BitmapEntry.IN_USE);
        }

        /** Whether the bits mean something. */
        boolean isConsistent() {
            return !entry.inUse() && entry.isKnown();
        }
    }

    private Bitmaps(BitmapFile reader, @Nullable BitmapStore store, long diskBytes) {
        this.reader = reader;
        this.store = store;
        this.diskBytes = diskBytes;
    }

    /** Those of an image that is not written. */
    public static Bitmaps readOnly(HostFile file, ImageHeader header) throws IOException {
        Bitmaps bitmaps = new Bitmaps(new BitmapFile(file, header.geometry()), null, header.virtualSizeBytes());
        bitmaps.read(header.bitmapDirectory(file.sizeBytes()));
        return bitmaps;
    }

    /** Those of an image that is written from now on, with {@link #begin}. */
    public static Bitmaps writable(BitmapStore store, @Nullable BitmapDirectory directory, long diskBytes)
            throws IOException {
        Bitmaps bitmaps = new Bitmaps(store.reader(), store, diskBytes);
        bitmaps.read(directory);
        return bitmaps;
    }

    private void read(@Nullable BitmapDirectory directory) throws IOException {
        if (directory != null) {
            reader.entries(directory).forEach(entry -> bitmaps.add(new Bitmap(entry, null)));
        }
    }

    /**
     * Makes the enabled bitmaps live, before the guest changes anything. An enabled bitmap that cannot be kept true,
     * because its table is damaged or it is not known what it means, is marked as in use for good.
     */
    public void begin() throws IOException {
        boolean marks = false;
        for (Bitmap bitmap : bitmaps) {
            if (bitmap.bits == null && bitmap.entry.auto() && !bitmap.entry.inUse()) {
                bitmap.bits = bitsOrNull(bitmap.entry);
                if (bitmap.bits == null) {
                    bitmap.entry = bitmap.entry.withFlags(bitmap.entry.flags() | BitmapEntry.IN_USE);
                }
                marks = true;
            }
        }
        if (marks) {
            store().rewriteFlags(inFile());
            track();
        }
    }

    private @Nullable DirtyBits bitsOrNull(BitmapEntry entry) throws IOException {
        if (!entry.isKnown()) {
            return null;
        }
        try {
            return reader.bits(entry, diskBytes);
        } catch (ImageException damaged) {
            if (damaged.kind() == Kind.CORRUPT || damaged.kind() == Kind.UNSUPPORTED_FEATURE) {
                return null;
            }
            throw damaged;
        }
    }

    private BitmapStore store() {
        if (store == null) {
            throw new IllegalStateException("bitmaps of a read-only image were asked to change");
        }
        return store;
    }

    private List<BitmapEntry> inFile() {
        return bitmaps.stream().map(Bitmap::inFile).toList();
    }

    private void track() {
        tracking = bitmaps.stream()
                .filter(bitmap -> bitmap.entry.auto())
                .flatMap(bitmap -> Stream.ofNullable(bitmap.bits))
                .toArray(DirtyBits[]::new);
    }

    /**
     * Notes that the guest's bytes changed. Any thread, without a lock, after the change and before the guest hears of
     * it: then a bitmap that is cleared between the two has the change, and one that is read before it does not hide it.
     */
    public void changed(long guestOffset, long lengthBytes) {
        for (DirtyBits bits : tracking) {
            bits.mark(guestOffset, lengthBytes);
        }
    }

    /** Notes that any of the guest's bytes may have changed, as when a snapshot is gone back to. */
    public void allChanged() {
        for (DirtyBits bits : tracking) {
            bits.markAll();
        }
    }

    /** Puts all live bitmaps to rest. While the image takes no changes. When it fails, they stay live. */
    public void save() throws IOException {
        List<Bitmap> live =
                bitmaps.stream().filter(bitmap -> bitmap.bits != null).toList();
        if (live.isEmpty()) {
            return;
        }
        BitmapStore.NewClusters clusters = new BitmapStore.NewClusters();
        List<BitmapEntry> directory = new ArrayList<>();
        List<ClusterAllocator.Run> old =
                store().clustersOf(live.stream().map(bitmap -> bitmap.entry).toList());
        boolean done = false;
        try {
            for (Bitmap bitmap : bitmaps) {
                directory.add(bitmap.bits == null ? bitmap.entry : store().write(bitmap.entry, bitmap.bits, clusters));
            }
            store().replaceDirectory(directory, clusters);
            done = true;
        } finally {
            if (!done) {
                store().giveBack(clusters);
            }
        }
        for (int index = 0; index < directory.size(); index++) {
            bitmaps.get(index).entry = directory.get(index);
            bitmaps.get(index).bits = null;
        }
        track();
        store().free(old);
    }

    /** What is known of each bitmap, in the directory's order. */
    public List<BitmapInfo> list() {
        return bitmaps.stream().map(Bitmaps::info).toList();
    }

    private static BitmapInfo info(Bitmap bitmap) {
        return new BitmapInfo(
                bitmap.entry.name(), 1L << bitmap.entry.granularityBits(), bitmap.entry.auto(), !bitmap.isConsistent());
    }

    /** What is known of one bitmap. */
    public BitmapInfo info(String name) throws ImageException {
        return info(require(name));
    }

    /** A consistent bitmap's bits: live ones go on changing, others are read from the file. */
    public DirtyBits bits(String name) throws IOException {
        return bits(requireConsistent(name));
    }

    private DirtyBits bits(Bitmap bitmap) throws IOException {
        DirtyBits live = bitmap.bits;
        return live == null ? reader.bits(bitmap.entry, diskBytes) : live;
    }

    /** Makes a bitmap without marks. */
    public void create(String name, int granularityBits, boolean enabled) throws IOException {
        if (bitmaps.stream().anyMatch(bitmap -> bitmap.entry.name().equals(name))) {
            throw ImageException.of(Kind.ALREADY_EXISTS, "there is a bitmap \"" + name + "\" already");
        }
        BitmapFile.requireBits(name, diskBytes, granularityBits);
        store().requireRoom();
        DirtyBits bits = new DirtyBits(diskBytes, granularityBits);
        BitmapStore.NewClusters clusters = new BitmapStore.NewClusters();
        boolean done = false;
        try {
            int flags = enabled ? BitmapEntry.AUTO : 0;
            BitmapEntry entry = store().write(BitmapEntry.of(name, granularityBits, flags, 0, 0), bits, clusters);
            List<BitmapEntry> directory = new ArrayList<>(inFile());
            Bitmap created = new Bitmap(entry, bits);
            directory.add(created.inFile());
            store().replaceDirectory(directory, clusters);
            bitmaps.add(created);
            done = true;
        } finally {
            if (!done) {
                store().giveBack(clusters);
            }
        }
        track();
    }

    /** Marks what changes from now on, or no more. */
    public void setEnabled(String name, boolean enabled) throws IOException {
        Bitmap bitmap = requireConsistent(name);
        if (enabled) {
            makeLive(bitmap);
        }
        int flags = bitmap.entry.flags();
        bitmap.entry = bitmap.entry.withFlags(enabled ? flags | BitmapEntry.AUTO : flags & ~BitmapEntry.AUTO);
        if (bitmap.bits != null) {
            track();
        }
    }

    /** Nothing is marked any more. */
    public void clear(String name) throws IOException {
        makeLive(requireConsistent(name)).clear();
    }

    /** Marks in one bitmap what is marked in others, whatever their granularities. */
    public void merge(String name, List<String> sources) throws IOException {
        Bitmap target = requireConsistent(name);
        List<DirtyBits> merged = new ArrayList<>();
        for (String source : sources) {
            merged.add(bits(requireConsistent(source)));
        }
        DirtyBits into = makeLive(target);
        for (DirtyBits source : merged) {
            if (source != into) {
                into.merge(source, diskBytes);
            }
        }
    }

    private DirtyBits makeLive(Bitmap bitmap) throws IOException {
        DirtyBits bits = bitmap.bits;
        if (bits == null) {
            bits = reader.bits(bitmap.entry, diskBytes);
            bitmap.bits = bits;
            boolean marked = false;
            try {
                store().rewriteFlags(inFile());
                marked = true;
            } finally {
                if (!marked) {
                    bitmap.bits = null;
                }
            }
        }
        return bits;
    }

    /** Takes a bitmap away, whatever its state. */
    public void delete(String name) throws IOException {
        Bitmap deleted = require(name);
        List<ClusterAllocator.Run> old = store().clustersOf(List.of(deleted.entry));
        BitmapStore.NewClusters clusters = new BitmapStore.NewClusters();
        boolean done = false;
        try {
            store().replaceDirectory(
                            bitmaps.stream()
                                    .filter(bitmap -> bitmap != deleted)
                                    .map(Bitmap::inFile)
                                    .toList(),
                            clusters);
            done = true;
        } finally {
            if (!done) {
                store().giveBack(clusters);
            }
        }
        bitmaps.remove(deleted);
        track();
        store().free(old);
    }

    /**
     * The disk gets another size: before it does. What it gains is not marked. All consistent bitmaps become live, for
     * those at rest would not fit any more.
     *
     * @throws ImageException INCONSISTENT_BITMAP as in QEMU: bits that mean nothing cannot be made to fit
     */
    public void resize(long newDiskBytes) throws IOException {
        requireResizable(newDiskBytes);
        for (Bitmap bitmap : bitmaps) {
            makeLive(bitmap);
        }
        diskBytes = newDiskBytes;
        for (Bitmap bitmap : bitmaps) {
            makeLive(bitmap).resize(newDiskBytes);
        }
    }

    /** Refuses what {@link #resize} would. */
    public void requireResizable(long newDiskBytes) throws ImageException {
        for (Bitmap bitmap : bitmaps) {
            if (!bitmap.isConsistent()) {
                throw inconsistent(bitmap.entry.name());
            }
            BitmapFile.requireBits(bitmap.entry.name(), newDiskBytes, bitmap.entry.granularityBits());
        }
    }

    private Bitmap require(String name) throws ImageException {
        for (Bitmap bitmap : bitmaps) {
            if (bitmap.entry.name().equals(name)) {
                return bitmap;
            }
        }
        throw ImageException.of(Kind.NOT_FOUND, "there is no bitmap \"" + name + "\"");
    }

    private Bitmap requireConsistent(String name) throws ImageException {
        Bitmap bitmap = require(name);
        if (!bitmap.isConsistent()) {
            throw inconsistent(name);
        }
        return bitmap;
    }

    private static ImageException inconsistent(String name) {
        return ImageException.of(
                Kind.INCONSISTENT_BITMAP,
                "the bitmap \"" + name + "\" was not saved by who had it last, or is of an unknown kind; it can only be"
                        + " deleted");
    }
}
