package io.cowslip.fuzz;

import io.cowslip.testing.MetadataDamage;
import io.cowslip.testing.NeedsQemu;
import io.cowslip.testing.Seeds;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;
import java.util.concurrent.TimeUnit;
import java.util.stream.LongStream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * Images with all features, and in them header fields, entries, counts, lengths and places changed to what hurts: values
 * at the edges of their fields, places of other structures, of themselves, between clusters and outside the file. Each is
 * read, written to and repaired, within bounds of memory and work ("Parser resource use", CVE-2015-5162).
 */
@Tag("long")
@NeedsQemu
final class MutatedImagesTest {
    /** Where a header's fields are, and how long they are. */
    private static final int[][] FIELDS = {
        {4, 4}, {8, 8}, {16, 4}, {20, 4}, {24, 8}, {32, 4}, {36, 4}, {40, 8}, {48, 8}, {56, 4}, {60, 4}, {64, 8},
        {72, 8}, {80, 8}, {88, 8}, {96, 4}, {100, 4}, {104, 1}, {112, 4}, {116, 4}, {120, 8}, {128, 8}, {136, 8}
    };

    private static final long[] EDGES = {
        0,
        1,
        2,
        3,
        9,
        21,
        33,
        0x68,
        0x7f,
        0x80,
        0xff,
        511,
        512,
        513,
        1024,
        0xffff,
        0x1_0000,
        0x7fff_ffffL,
        0x8000_0000L,
        0xffff_ffffL,
        1L << 40,
        1L << 55,
        1L << 56,
        1L << 62,
        1L << 63,
        -1,
        -512,
        Long.MAX_VALUE
    };

    private static final int CASES = 12;
    private static final int LONG_RUN_CASES = 100;

    @TempDir
    Path folder;

    static LongStream seeds() {
        return Seeds.seeds(6, 60);
    }

    @ParameterizedTest(name = "seed {0}")
    @MethodSource("seeds")
    @Timeout(value = 600, unit = TimeUnit.SECONDS)
    void areTakenOrRefused(long seed) throws IOException {
        SplittableRandom random = new SplittableRandom(seed);
        byte[] sound = Files.readAllBytes(SmallImages.any(random).make(folder.resolve("image"), random));
        int cases = Seeds.longRun() ? LONG_RUN_CASES : CASES;
        for (int index = 0; index < cases; index++) {
            List<String> changes = new ArrayList<>();
            byte[] image = changed(sound, random, changes);
            byte[] operations = new byte[WriteTarget.PREFIX_BYTES];
            random.nextBytes(operations);
            byte[] written = java.util.Arrays.copyOf(operations, operations.length + image.length);
            System.arraycopy(image, 0, written, operations.length, image.length);
            try {
                ImageTarget.fuzzerTestOneInput(image);
                WriteTarget.fuzzerTestOneInput(written);
                RepairTarget.fuzzerTestOneInput(image);
            } catch (RuntimeException | Error failure) {
                throw new AssertionError(
                        "case " + index + " " + changes + ": " + failure + "; " + Seeds.replay(getClass(), seed),
                        failure);
            }
        }
    }

    private static byte[] changed(byte[] sound, SplittableRandom random, List<String> changes) {
        byte[] image = sound;
        if (random.nextInt(4) > 0) {
            MetadataDamage.Damaged damaged = MetadataDamage.to(sound, random.nextInt(1, 5), random);
            changes.addAll(damaged.damage());
            image = damaged.image();
        }
        image = image.clone();
        if (random.nextInt(3) == 0) {
            for (int count = random.nextInt(1, 3); count > 0; count--) {
                changeField(image, random, changes);
            }
        }
        if (random.nextInt(3) == 0) {
            for (int count = random.nextInt(1, 4); count > 0; count--) {
                changeNumber(image, random, changes);
            }
        }
        if (random.nextInt(12) == 0) {
            int length = random.nextInt(image.length);
            changes.add("cut to " + length);
            image = java.util.Arrays.copyOf(image, length);
        }
        return image;
    }

    private static void changeField(byte[] image, SplittableRandom random, List<String> changes) {
        int[] field = FIELDS[random.nextInt(FIELDS.length)];
        put(image, field[0], field[1], value(image, random), changes);
    }

    /** Any number of the file that is not zero, wherever it is: records of snapshots and bitmaps, payloads. */
    private static void changeNumber(byte[] image, SplittableRandom random, List<String> changes) {
        int bytes = 1 << random.nextInt(4);
        int offset = random.nextInt(image.length - 8) & -bytes;
        for (int tries = 0; tries < 64 && image[offset] == 0; tries++) {
            offset = random.nextInt(image.length - 8) & -bytes;
        }
        put(image, offset, bytes, value(image, random), changes);
    }

    private static long value(byte[] image, SplittableRandom random) {
        return switch (random.nextInt(4)) {
            case 0 -> (long) random.nextInt(image.length / 512 + 2) * 512 | (random.nextBoolean() ? 1L << 63 : 0);
            case 1 -> random.nextLong();
            default -> EDGES[random.nextInt(EDGES.length)];
        };
    }

    private static void put(byte[] image, int offset, int bytes, long value, List<String> changes) {
        ByteBuffer numbers = ByteBuffer.wrap(image);
        changes.add(bytes + " bytes at " + offset + " to 0x" + Long.toHexString(value));
        switch (bytes) {
            case 8 -> numbers.putLong(offset, value);
            case 4 -> numbers.putInt(offset, (int) value);
            case 2 -> numbers.putShort(offset, (short) value);
            default -> numbers.put(offset, (byte) value);
        }
    }
}
