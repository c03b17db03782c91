package io.cowslip.fuzz;

import io.cowslip.engine.ImageException;
import io.cowslip.engine.image.DiskImage;
import io.cowslip.engine.image.check.CheckReport;
import io.cowslip.engine.image.check.ImageCheck;
import io.cowslip.engine.image.file.ImageEnvironment;
import io.cowslip.engine.image.options.ImageOptions;
import io.cowslip.engine.image.options.Preallocation;
import io.cowslip.engine.work.WorkObserver;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.nio.file.Path;
import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/**
 * A guest that writes to an image, which may be hostile. The input begins with {@link #OPERATION_BYTES} for each of
 * {@link #OPERATIONS}; the rest is the file. Where the image is sound, the guest reads what it wrote, and the image is
 * sound afterwards; else no write leaves the file, and nothing worse than a refusal happens.
 */
final class WriteTarget {
    static final int OPERATIONS = 8;
    static final int OPERATION_BYTES = 4;
    static final int PREFIX_BYTES = OPERATIONS * OPERATION_BYTES;

    private static final int MOST_WRITTEN_BYTES = 4096;
    private static final int MOST_MODELLED_BYTES = 1 << 20;

    private final DiskImage image;
    private byte @Nullable [] model;

    private WriteTarget(DiskImage image, byte @Nullable [] model) {
        this.image = image;
        this.model = model;
    }

    public static void fuzzerTestOneInput(byte[] input) {
        if (input.length <= PREFIX_BYTES) {
            return;
        }
        Hostile.within(() -> {
            try (MemoryFiles files = new MemoryFiles()) {
                files.put("raw", new byte[8192]);
                Path file = files.put("image", Arrays.copyOfRange(input, PREFIX_BYTES, input.length));
                use(file, Arrays.copyOf(input, PREFIX_BYTES), Hostile.environment(files));
            }
        });
    }

    private static void use(Path file, byte[] operations, ImageEnvironment environment) throws IOException {
        CheckReport before = ImageCheck.check(file, WorkObserver.NONE, environment);
        boolean sound = before.corruptions() == 0 && before.checkErrors() == 0;
        byte[] expected;
        try (DiskImage image = DiskImage.open(file, ImageOptions.defaults(), environment)) {
            boolean modelled = sound && image.virtualSizeBytes() <= MOST_MODELLED_BYTES;
            WriteTarget guest = new WriteTarget(image, modelled ? readable(image) : null);
            for (int index = 0; index < OPERATIONS; index++) {
                guest.operate(operations, index * OPERATION_BYTES);
            }
            expected = guest.model;
        } catch (ImageException failure) {
            if (sound && failure.kind() == ImageException.Kind.CORRUPT) {
                // A cluster that cannot be decoded is no fault of the metadata.
                sound = false;
            }
            throw failure;
        } finally {
            CheckReport after = ImageCheck.check(file, WorkObserver.NONE, environment);
            if (sound && (after.corruptions() > 0 || after.checkErrors() > 0)) {
                throw new AssertionError("sound before, and then " + after);
            }
        }
        if (expected != null) {
            try (DiskImage image = DiskImage.open(file, ImageOptions.defaults().withReadOnly(true), environment)) {
                requireSame(expected, GuestReads.bytes(image));
            }
        }
    }

    private static byte @Nullable [] readable(DiskImage image) {
        byte[][] bytes = new byte[1][];
        return Hostile.refusable(() -> bytes[0] = GuestReads.bytes(image)) ? bytes[0] : null;
    }

    private static void requireSame(byte[] expected, byte[] found) {
        int difference = Arrays.mismatch(expected, found);
        if (difference >= 0) {
            throw new AssertionError("the guest does not read what it wrote, from byte " + difference + " of "
                    + expected.length + " on");
        }
    }

    private void operate(byte[] operations, int at) {
        int what = Byte.toUnsignedInt(operations[at]);
        long sizeBytes = image.virtualSizeBytes();
        long place = Byte.toUnsignedInt(operations[at + 1]) * 256L + Byte.toUnsignedInt(operations[at + 2]);
        long offset = sizeBytes == 0 ? 0 : sizeBytes / 65536 * place + sizeBytes % 65536 * place / 65536;
        int length = (int) Math.min(
                sizeBytes - offset, Math.min(MOST_WRITTEN_BYTES, 32L * (1 + Byte.toUnsignedInt(operations[at + 3]))));
        boolean done = taken(() -> {
            switch (what % 12) {
                case 0, 1, 2 -> write(offset, length, (byte) what);
                case 3, 4 -> image.zero(offset, length);
                case 5, 6 -> image.discard(offset, length);
                case 7 -> image.snapshots().create("s" + at, 1, 1);
                case 8 -> deleteSnapshot();
                case 9 -> revert();
                case 10 -> resize(sizeBytes, operations[at + 3]);
                default -> image.flush();
            }
        });
        follow(done, what % 12, offset, length, (byte) what);
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

    private void write(long offset, int length, byte value) throws IOException {
        try (Arena arena = Arena.ofShared()) {
            image.write(offset, arena.allocate(length).fill(value));
        }
    }

    private void deleteSnapshot() throws IOException {
        var snapshots = image.snapshots().list();
        if (!snapshots.isEmpty()) {
            image.snapshots().delete(snapshots.getFirst().id());
        }
    }

    private void revert() throws IOException {
        var snapshots = image.snapshots().list();
        if (!snapshots.isEmpty()) {
            image.snapshots().revert(snapshots.getLast().id());
        }
    }

    private void resize(long sizeBytes, byte choice) throws IOException {
        long clustersOfChange = choice * 512L;
        long wanted = Math.max(512, (sizeBytes & -512L) + clustersOfChange);
        if (wanted > 0) {
            image.resize(wanted, true, Preallocation.OFF);
        }
    }

    /** What the guest must read from now on. */
    private void follow(boolean done, int what, long offset, int length, byte value) {
        byte[] disk = model;
        if (disk == null) {
            return;
        }
        boolean discards = what == 5 || what == 6;
        if (!done || discards || what == 9) {
            // What a refused change left, what a discard gave back, and what a snapshot held is read anew.
            model = image.isCorrupt() || image.virtualSizeBytes() > MOST_MODELLED_BYTES ? null : readable(image);
            if (discards && done && model != null) {
                requireSameOutside(disk, model, offset, length);
            }
        } else if (what <= 4) {
            Arrays.fill(disk, (int) offset, (int) offset + length, what <= 2 ? value : 0);
        } else if (what == 10) {
            model = image.virtualSizeBytes() > MOST_MODELLED_BYTES
                    ? null
                    : Arrays.copyOf(disk, (int) image.virtualSizeBytes());
        }
    }

    private static void requireSameOutside(byte[] before, byte[] after, long offset, int length) {
        Arrays.fill(before, (int) offset, (int) offset + length, (byte) 0);
        byte[] masked = after.clone();
        Arrays.fill(masked, (int) offset, (int) offset + length, (byte) 0);
        requireSame(before, masked);
    }
}
