package io.cowslip.fuzz;

import io.cowslip.engine.ImageException;
import io.cowslip.engine.host.HostFile;
import io.cowslip.engine.host.HostFiles;
import io.cowslip.engine.image.DiskImage;
import io.cowslip.engine.image.Snapshot;
import io.cowslip.engine.image.bitmap.BitmapInfo;
import io.cowslip.engine.image.convert.DiskCompaction;
import io.cowslip.engine.image.convert.HeaderAmender;
import io.cowslip.engine.image.file.ImageEnvironment;
import io.cowslip.engine.image.options.AmendOptions;
import io.cowslip.engine.image.options.ImageOptions;
import io.cowslip.engine.image.options.OverlapCheck;
import io.cowslip.engine.image.options.Preallocation;
import io.cowslip.engine.image.options.WriteOptions;
import io.cowslip.engine.work.WorkObserver;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** An open image that is written and changed, and what its disk and its snapshots have to read, where that is known. */
final class WrittenImage implements AutoCloseable {
    private static final int MOST_WRITTEN_BYTES = 4096;
    private static final int MOST_MODELLED_BYTES = 1 << 20;
    private static final int MOST_SNAPSHOTS = 6;
    private static final long LITTLE_GRANULARITY = 512;
    private static final int VERSION_BYTE = 7;

    private final Path file;
    private final ImageEnvironment environment;
    private final boolean sound;
    private ImageOptions options;
    private DiskImage image;
    private byte @Nullable [] model;
    private Map<String, byte[]> snapshots = new LinkedHashMap<>();

    private WrittenImage(
            Path file, ImageOptions options, boolean sound, DiskImage image, ImageEnvironment environment) {
        this.file = file;
        this.options = options;
        this.sound = sound;
        this.image = image;
        this.environment = environment;
    }

    /**
     * Opens an image to be written.
     *
     * @param choices what becomes of writes and discards, by bits
     * @param sound whether what is read is worth to be remembered
     */
    static WrittenImage open(Path file, byte choices, boolean sound, ImageEnvironment environment) throws IOException {
        ImageOptions options = options(choices, isVersion3(file, environment));
        WrittenImage opened =
                new WrittenImage(file, options, sound, DiskImage.open(file, options, environment), environment);
        boolean read = false;
        try {
            opened.model = opened.readable();
            opened.readSnapshots();
            read = true;
        } finally {
            if (!read) {
                opened.close();
            }
        }
        return opened;
    }

    private static boolean isVersion3(Path file, ImageEnvironment environment) throws IOException {
        try (HostFile opened = environment.files().open(file, HostFiles.Mode.READ);
                Arena arena = Arena.ofConfined()) {
            MemorySegment start = arena.allocate(VERSION_BYTE + 1);
            return opened.read(0, start) > VERSION_BYTE && start.get(ValueLayout.JAVA_BYTE, VERSION_BYTE) == 3;
        }
    }

    private static ImageOptions options(byte choices, boolean version3) {
        WriteOptions.DetectZeroes[] detections = WriteOptions.DetectZeroes.values();
        WriteOptions writes = new WriteOptions(
                (choices & 1) != 0,
                detections[(choices >>> 1 & 3) % detections.length],
                null,
                true,
                (choices & 8) != 0,
                (choices & 16) != 0 && version3);
        ImageOptions options = ImageOptions.defaults().withWrites(writes);
        if ((choices & 32) != 0 && version3) {
            options = options.withLazyRefcounts(true);
        }
        return (choices & 64) == 0
                ? options
                : options.withOverlapCheck(new OverlapCheck(OverlapCheck.Template.ALL, Map.of()));
    }

    /** What the disk has to read; null: unknown. */
    byte @Nullable [] expected() {
        return model;
    }

    /** The same of snapshots, by their ids. */
    Map<String, byte[]> snapshots() {
        return snapshots;
    }

    /** Does the operation of the four bytes from {@code at} on, as far as it is not refused. */
    void operate(byte[] operations, int at) throws IOException {
        int what = Byte.toUnsignedInt(operations[at]);
        byte choice = operations[at + 3];
        long sizeBytes = image.virtualSizeBytes();
        long place = Byte.toUnsignedInt(operations[at + 1]) * 256L + Byte.toUnsignedInt(operations[at + 2]);
        long offset = sizeBytes == 0 ? 0 : sizeBytes / 65536 * place + sizeBytes % 65536 * place / 65536;
        int length = (int)
                Math.min(sizeBytes - offset, Math.min(MOST_WRITTEN_BYTES, 32L * (1 + Byte.toUnsignedInt(choice))));
        switch (what % 25) {
            case 0, 1, 2, 3 -> write(offset, guestBytes(offset, length, (byte) what));
            case 4 -> write(offset, new byte[length]);
            case 5, 6 -> zero(offset, length);
            case 7, 8, 9 -> discard(offset, length);
            case 10, 11 -> createSnapshot("s" + at);
            case 12 -> deleteSnapshot();
            case 13 -> revert();
            case 14 -> resize(sizeBytes, choice, Preallocation.OFF);
            case 15 -> resize(sizeBytes, choice, Preallocation.METADATA);
            case 16 -> resize(sizeBytes, choice, Preallocation.FALLOC);
            case 17 -> unchanged(() -> image.bitmaps().create("b" + at, LITTLE_GRANULARITY, choice > 0));
            case 18 -> unchanged(() -> image.bitmaps().clear(aBitmap(choice)));
            case 19 -> unchanged(() -> image.bitmaps().delete(aBitmap(choice)));
            case 20 -> unchanged(() -> image.compact(WorkObserver.NONE));
            case 21 -> whileClosed(() -> DiskCompaction.compact(file, options, WorkObserver.NONE, environment));
            case 22 -> whileClosed(() -> HeaderAmender.amend(file, amendment(choice), WorkObserver.NONE, environment));
            case 23 -> whileClosed(() -> options = options(choice, isVersion3(file, environment)));
            default -> unchanged(image::flush);
        }
    }

    private static byte[] guestBytes(long offset, int length, byte value) {
        ByteBuffer bytes = ByteBuffer.allocate((length + 15) & -8);
        while (bytes.hasRemaining()) {
            bytes.putInt(MetadataGuard.MARK).putInt(value);
        }
        int phase = (int) (offset & 7);
        return Arrays.copyOfRange(bytes.array(), phase, phase + length);
    }

    private void write(long offset, byte[] bytes) {
        boolean done = taken(() -> {
            try (Arena arena = Arena.ofShared()) {
                image.write(offset, arena.allocate(bytes.length).copyFrom(MemorySegment.ofArray(bytes)));
            }
        });
        put(done, offset, bytes);
    }

    private void zero(long offset, int length) {
        put(taken(() -> image.zero(offset, length)), offset, new byte[length]);
    }

    private void put(boolean done, long offset, byte[] bytes) {
        byte[] disk = model;
        if (!done) {
            lookAnew();
        } else if (disk != null) {
            System.arraycopy(bytes, 0, disk, (int) offset, bytes.length);
        }
    }

    private void discard(long offset, int length) {
        byte[] disk = model;
        boolean done = taken(() -> image.discard(offset, length));
        lookAnew();
        if (done && disk != null && model != null) {
            byte[] found = model.clone();
            Arrays.fill(disk, (int) offset, (int) offset + length, (byte) 0);
            Arrays.fill(found, (int) offset, (int) offset + length, (byte) 0);
            WriteTarget.requireSame("the guest, around a discard,", disk, found);
        }
    }

    private void createSnapshot(String name) throws IOException {
        List<Snapshot> before = image.snapshots().list();
        if (before.size() >= MOST_SNAPSHOTS) {
            return;
        }
        boolean done = taken(() -> image.snapshots().create(name, 1, 1));
        if (!done) {
            lookAnew();
        } else if (model != null) {
            snapshots.put(image.snapshots().list().getLast().id(), model.clone());
        }
    }

    private void deleteSnapshot() throws IOException {
        List<Snapshot> all = image.snapshots().list();
        if (!all.isEmpty()) {
            String id = all.getFirst().id();
            if (taken(() -> image.snapshots().delete(id))) {
                snapshots.remove(id);
            } else {
                lookAnew();
            }
        }
    }

    private void revert() throws IOException {
        List<Snapshot> all = image.snapshots().list();
        if (!all.isEmpty()) {
            String id = all.getLast().id();
            boolean done = taken(() -> image.snapshots().revert(id));
            lookAnew();
            byte[] snapshot = snapshots.get(id);
            if (done && model != null && snapshot != null) {
                WriteTarget.requireSame("the disk after it went back to " + id, snapshot, model);
            }
        }
    }

    private void resize(long sizeBytes, byte choice, Preallocation preallocation) {
        long wanted = Math.max(512, (sizeBytes & -512L) + choice * 512L);
        boolean done = wanted > 0
                && taken(() -> image.resize(wanted, true, wanted < sizeBytes ? Preallocation.OFF : preallocation));
        byte[] disk = model;
        if (!done) {
            lookAnew();
        } else if (disk != null) {
            model = wanted > MOST_MODELLED_BYTES ? null : Arrays.copyOf(disk, (int) wanted);
        }
    }

    private String aBitmap(byte choice) throws IOException {
        List<BitmapInfo> all = image.bitmaps().list();
        return all.isEmpty()
                ? "none"
                : all.get(Byte.toUnsignedInt(choice) % all.size()).name();
    }

    private static AmendOptions amendment(byte choice) {
        boolean version = (choice & 1) != 0;
        int bits = 1 << (choice >>> 1 & 7) % 7;
        return new AmendOptions(
                version ? (choice & 16) != 0 ? 2 : 3 : null,
                (choice & 32) != 0 ? bits : null,
                (choice & 64) != 0 ? (choice & 8) != 0 : null,
                null,
                null);
    }

    /** What changes nothing of what is read, whether it is refused or not. */
    private void unchanged(Hostile.Use change) {
        taken(change);
    }

    private void whileClosed(Hostile.Use change) throws IOException {
        image.close();
        taken(change);
        if (!isVersion3(file, environment)) {
            options =
                    options.withLazyRefcounts(null).withWrites(options.writes().withDiscardNoUnref(false));
        }
        image = DiskImage.open(file, options, environment);
    }

    /** A change may also be more than the image's refcounts, or the L1 table, can hold. */
    private static boolean taken(Hostile.Use change) {
        boolean[] full = new boolean[1];
        return Hostile.refusable(() -> {
                    try {
                        change.run();
                    } catch (ImageException refused) {
                        full[0] = refused.kind() == ImageException.Kind.NO_SPACE;
                        if (!full[0]) {
                            throw refused;
                        }
                    }
                })
                && !full[0];
    }

    /** What a refused change left, what a discard gave back, and what a snapshot held is read anew. */
    private void lookAnew() {
        if (model != null) {
            model = readable();
        }
    }

    private byte @Nullable [] readable() {
        return sound ? readable(image) : null;
    }

    private static byte @Nullable [] readable(DiskImage from) {
        byte[][] bytes = new byte[1][];
        boolean read = !from.isCorrupt()
                && from.virtualSizeBytes() <= MOST_MODELLED_BYTES
                && Hostile.refusable(() -> bytes[0] = GuestReads.bytes(from));
        return read ? bytes[0] : null;
    }

    private void readSnapshots() throws IOException {
        List<Snapshot> all = sound ? image.snapshots().list() : List.of();
        for (Snapshot snapshot : all.subList(0, Math.min(MOST_SNAPSHOTS, all.size()))) {
            ImageOptions of = ImageOptions.defaults().withReadOnly(true).withSnapshot(snapshot.id());
            Hostile.refusable(() -> {
                try (DiskImage other = DiskImage.open(file, of, environment)) {
                    byte[] bytes = readable(other);
                    if (bytes != null) {
                        snapshots.put(snapshot.id(), bytes);
                    }
                }
            });
        }
    }

    @Override
    public void close() throws IOException {
        image.close();
    }
}
