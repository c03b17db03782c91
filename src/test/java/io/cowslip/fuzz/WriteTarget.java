package io.cowslip.fuzz;

import io.cowslip.engine.ImageException;
import io.cowslip.engine.image.DiskImage;
import io.cowslip.engine.image.check.CheckReport;
import io.cowslip.engine.image.check.ImageCheck;
import io.cowslip.engine.image.file.ImageEnvironment;
import io.cowslip.engine.image.options.ImageOptions;
import io.cowslip.engine.work.WorkObserver;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Map;

/**
 * A guest that writes to an image, which may be hostile, and an owner who changes it. The input begins with a byte of
 * options and {@link #OPERATION_BYTES} for each of {@link #OPERATIONS}; the rest is the file. Where the image is sound,
 * the guest reads what it wrote, snapshots stay what they were, and the image is sound afterwards, with no more leaks;
 * else no write leaves the file or goes over its metadata, and nothing worse than a refusal happens.
 */
final class WriteTarget {
    static final int OPERATIONS = 8;
    static final int OPERATION_BYTES = 4;
    static final int PREFIX_BYTES = 1 + OPERATIONS * OPERATION_BYTES;

    private static final int ROOM_BYTES = 4 << 20;

    private WriteTarget() {}

    public static void fuzzerTestOneInput(byte[] input) {
        if (input.length <= PREFIX_BYTES) {
            return;
        }
        byte[] content = Arrays.copyOfRange(input, PREFIX_BYTES, input.length);
        Hostile.within(() -> {
            try (MemoryFiles files = new MemoryFiles()) {
                files.put("raw", new byte[8192]);
                Path file = files.put("image", content);
                files.guard(file, new MetadataGuard());
                if (use(file, Arrays.copyOf(input, PREFIX_BYTES), Hostile.environment(files))) {
                    requireNoNewLeaks(content, files.content(file));
                }
            }
        });
    }

    /** Nor any that only showed once the file has reached them. */
    private static void requireNoNewLeaks(byte[] before, byte[] after) throws IOException {
        long leaksBefore = leaks(before);
        long leaksAfter = leaks(after);
        if (leaksAfter > leaksBefore) {
            throw new AssertionError(leaksBefore + " leaks before, and then " + leaksAfter);
        }
    }

    private static long leaks(byte[] content) throws IOException {
        try (MemoryFiles files = new MemoryFiles()) {
            Path file = files.put("image", content, content.length + ROOM_BYTES);
            return ImageCheck.check(file, WorkObserver.NONE, Hostile.environment(files))
                    .leaks();
        }
    }

    /** Whether a sound image seems to have more leaks afterwards. */
    private static boolean use(Path file, byte[] operations, ImageEnvironment environment) throws IOException {
        CheckReport before = ImageCheck.check(file, WorkObserver.NONE, environment);
        boolean sound = before.corruptions() == 0 && before.checkErrors() == 0;
        try (WrittenImage guest = WrittenImage.open(file, operations[0], sound, environment)) {
            for (int index = 0; index < OPERATIONS; index++) {
                guest.operate(operations, 1 + index * OPERATION_BYTES);
            }
            guest.close();
            requireKept(file, guest, environment);
        } catch (ImageException failure) {
            // A cluster that cannot be decoded is no fault of the metadata.
            if (sound && failure.kind() != ImageException.Kind.CORRUPT) {
                requireSound(ImageCheck.check(file, WorkObserver.NONE, environment));
            }
            throw failure;
        }
        CheckReport after = ImageCheck.check(file, WorkObserver.NONE, environment);
        if (sound) {
            requireSound(after);
        }
        return sound && after.leaks() > before.leaks();
    }

    private static void requireSound(CheckReport after) {
        if (after.corruptions() > 0 || after.checkErrors() > 0) {
            throw new AssertionError("sound before, and then " + after);
        }
    }

    /** What the guest and the snapshots have to read, as far as that is known. */
    private static void requireKept(Path file, WrittenImage guest, ImageEnvironment environment) throws IOException {
        ImageOptions readOnly = ImageOptions.defaults().withReadOnly(true);
        byte[] expected = guest.expected();
        if (expected != null) {
            requireSame("the guest", expected, readOnly, file, environment);
        }
        for (Map.Entry<String, byte[]> snapshot : guest.snapshots().entrySet()) {
            requireSame(
                    "snapshot " + snapshot.getKey(),
                    snapshot.getValue(),
                    readOnly.withSnapshot(snapshot.getKey()),
                    file,
                    environment);
        }
    }

    private static void requireSame(
            String who, byte[] expected, ImageOptions options, Path file, ImageEnvironment environment)
            throws IOException {
        try (DiskImage image = DiskImage.open(file, options, environment)) {
            requireSame(who, expected, GuestReads.bytes(image));
        }
    }

    static void requireSame(String who, byte[] expected, byte[] found) {
        int difference = Arrays.mismatch(expected, found);
        if (difference >= 0) {
            throw new AssertionError(
                    who + " does not read what was there, from byte " + difference + " of " + expected.length + " on");
        }
    }
}
