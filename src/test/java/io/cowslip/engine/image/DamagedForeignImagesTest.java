package io.cowslip.engine.image;

import static org.assertj.core.api.Assertions.assertThat;

import com.sun.management.ThreadMXBean;
import io.cowslip.engine.ImageException;
import io.cowslip.engine.ImageException.Kind;
import io.cowslip.engine.image.map.GuestExtent;
import io.cowslip.engine.image.options.ImageFormat;
import io.cowslip.engine.image.options.ImageOptions;
import io.cowslip.testing.DamagedFiles;
import io.cowslip.testing.ForeignKind;
import io.cowslip.testing.NeedsQemu;
import io.cowslip.testing.Seeds;
import io.cowslip.testing.TestImages;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.management.ManagementFactory;
import java.nio.ByteOrder;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.EnumSet;
import java.util.List;
import java.util.Set;
import java.util.SplittableRandom;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import java.util.zip.CRC32C;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * Whatever bytes an image of another hypervisor's format is made of, it is refused in plain words or read, in a bounded
 * time and with bounded memory. Checksums are made right again in most cases, so that what they guard is looked at.
 */
@NeedsQemu
final class DamagedForeignImagesTest {
    private static final Set<Kind> REFUSALS = EnumSet.of(
            Kind.INVALID_FORMAT, Kind.UNSUPPORTED_FEATURE, Kind.INVALID_OPTION, Kind.FORBIDDEN, Kind.NOT_FOUND);

    private static final long[] TELLING = {
        0,
        1,
        2,
        3,
        511,
        512,
        513,
        4096,
        65536,
        1 << 20,
        0x7fff_ffffL,
        0x8000_0000L,
        0xffff_fffeL,
        0xffff_ffffL,
        -1,
        -2,
        Long.MAX_VALUE,
        Long.MIN_VALUE,
        1L << 40,
        1L << 50,
        1L << 62
    };

    /** Heap that one opening may take: a log with its copies, a page cache, headers. */
    private static final long MAX_ALLOCATED_BYTES = 48L << 20;

    private static final int CASES_IN_BUILD = 250;
    private static final int CASES_IN_LONG_RUN = 3000;

    private static final ThreadMXBean THREADS = (ThreadMXBean) ManagementFactory.getThreadMXBean();

    @TempDir
    Path folder;

    private final DamagedFiles files = new DamagedFiles();

    static Stream<Arguments> kindsAndSeeds() {
        long[] seeds = Seeds.seeds(1, 4).toArray();
        return Stream.of(ForeignKind.values())
                .flatMap(kind -> Arrays.stream(seeds).mapToObj(seed -> Arguments.of(kind, seed)));
    }

    @ParameterizedTest(name = "{0} seed {1}")
    @MethodSource("kindsAndSeeds")
    @Timeout(value = 120, unit = TimeUnit.SECONDS)
    void isRefusedOrRead(ForeignKind kind, long seed) throws IOException {
        SplittableRandom random = new SplittableRandom(seed);
        ForeignKind.Made made = kind.make(folder, random, 3 << 20);
        List<Path> paths = new ArrayList<>(made.extents());
        paths.add(made.file());
        int cases = Seeds.longRun() ? CASES_IN_LONG_RUN : CASES_IN_BUILD;
        for (int index = 0; index < cases; index++) {
            long caseSeed = seed * 1_000_003 + index;
            files.mend();
            damage(paths, new SplittableRandom(caseSeed));
            try {
                use(kind, made, new SplittableRandom(caseSeed));
            } catch (RuntimeException | Error | IOException e) {
                throw new AssertionError(kind + " case " + index + "; " + Seeds.replay(getClass(), seed), e);
            }
        }
    }

    private void damage(List<Path> paths, SplittableRandom random) throws IOException {
        Path path = paths.get(random.nextInt(paths.size()));
        long sizeBytes = files.size(path);
        for (int count = random.nextInt(1, 4); count > 0; count--) {
            long offset = place(random, sizeBytes);
            files.patch(path, offset, bytes(random));
        }
        if (random.nextInt(12) == 0) {
            files.cut(path, random.nextLong(sizeBytes + 1));
        }
        if (random.nextInt(5) > 0) {
            mendVhdxChecksums(path);
            mendVhdChecksums(path, files.size(path));
        }
    }

    /** Mostly where headers and tables are. */
    private static long place(SplittableRandom random, long sizeBytes) {
        long[] starts = {
            0,
            0,
            0,
            512,
            1024,
            1536,
            10_752,
            64 << 10,
            128 << 10,
            192 << 10,
            256 << 10,
            1 << 20,
            2 << 20,
            3 << 20,
            (2 << 20) + (64 << 10),
            sizeBytes - 512,
            sizeBytes - 1024
        };
        long start = starts[random.nextInt(starts.length)];
        int within = random.nextInt(random.nextBoolean() ? 128 : 600);
        return random.nextInt(8) == 0
                ? random.nextLong(Math.max(1, sizeBytes))
                : Math.clamp((start + within) & -(1L << random.nextInt(4)), 0, Math.max(0, sizeBytes - 1));
    }

    private static byte[] bytes(SplittableRandom random) {
        long value = random.nextInt(3) == 0 ? random.nextLong() : TELLING[random.nextInt(TELLING.length)];
        MemorySegment bytes = MemorySegment.ofArray(new byte[Long.BYTES]);
        ByteOrder order = random.nextBoolean() ? ByteOrder.LITTLE_ENDIAN : ByteOrder.BIG_ENDIAN;
        int length = 1 << random.nextInt(4);
        switch (length) {
            case 8 -> bytes.set(ValueLayout.JAVA_LONG_UNALIGNED.withOrder(order), 0, value);
            case 4 -> bytes.set(ValueLayout.JAVA_INT_UNALIGNED.withOrder(order), 0, (int) value);
            case 2 -> bytes.set(ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(order), 0, (short) value);
            default -> bytes.set(ValueLayout.JAVA_BYTE, 0, (byte) value);
        }
        return bytes.asSlice(0, length).toArray(ValueLayout.JAVA_BYTE);
    }

    private void mendVhdxChecksums(Path path) throws IOException {
        if (!path.toString().endsWith(".vhdx")) {
            return;
        }
        for (long header : new long[] {64 << 10, 128 << 10}) {
            mendCrc(path, header, 4096);
        }
        for (long table : new long[] {192 << 10, 256 << 10}) {
            mendCrc(path, table, 65536);
        }
    }

    private void mendCrc(Path path, long offset, int length) throws IOException {
        byte[] bytes = files.read(path, offset, length);
        Arrays.fill(bytes, 4, 8, (byte) 0);
        CRC32C crc = new CRC32C();
        crc.update(bytes);
        MemorySegment checksum = MemorySegment.ofArray(new byte[4]);
        checksum.set(ValueLayout.JAVA_INT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN), 0, (int) crc.getValue());
        files.patch(path, offset + 4, checksum.toArray(ValueLayout.JAVA_BYTE));
    }

    private void mendVhdChecksums(Path path, long sizeBytes) throws IOException {
        if (path.toString().endsWith(".vpc")) {
            mendSum(path, 0, 512, 64);
            mendSum(path, 512, 1024, 36);
            mendSum(path, Math.max(0, sizeBytes - 512), 512, 64);
        }
    }

    private void mendSum(Path path, long offset, int length, int place) throws IOException {
        byte[] bytes = files.read(path, offset, length);
        Arrays.fill(bytes, place, place + 4, (byte) 0);
        int sum = 0;
        for (byte value : bytes) {
            sum += Byte.toUnsignedInt(value);
        }
        MemorySegment checksum = MemorySegment.ofArray(new byte[4]);
        checksum.set(ValueLayout.JAVA_INT_UNALIGNED.withOrder(ByteOrder.BIG_ENDIAN), 0, ~sum);
        files.patch(path, offset + place, checksum.toArray(ValueLayout.JAVA_BYTE));
    }

    private void use(ForeignKind kind, ForeignKind.Made made, SplittableRandom random) throws IOException {
        long allocatedBefore = THREADS.getCurrentThreadAllocatedBytes();
        refusable(() -> {
            ImageOptions options = TestImages.readOnly().withFormat(ImageFormat.parse("format", kind.format()));
            try (DiskImage image = DiskImage.open(made.file(), options, TestEnvironments.with(files))) {
                readExtents(image);
                readData(image, random);
            }
        });
        refusable(() -> ImageInfo.chain(made.file(), TestEnvironments.with(files)));
        assertThat(THREADS.getCurrentThreadAllocatedBytes() - allocatedBefore).isLessThan(MAX_ALLOCATED_BYTES);
    }

    private static void readExtents(DiskImage image) throws IOException {
        long sizeBytes = image.virtualSizeBytes();
        long position = 0;
        for (int count = 0; position < sizeBytes && count < 300; count++) {
            long start = position;
            long[] end = {Math.min(sizeBytes, start + (1 << 20))};
            refusable(() -> {
                GuestExtent extent = image.extentAt(start, sizeBytes - start);
                assertThat(extent.start()).isEqualTo(start);
                assertThat(extent.length()).isBetween(1L, sizeBytes - start);
                end[0] = start + extent.length();
            });
            position = end[0];
        }
    }

    private static void readData(DiskImage image, SplittableRandom random) throws IOException {
        long sizeBytes = image.virtualSizeBytes();
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment into = arena.allocate(200_000);
            for (int count = 0; sizeBytes > 0 && count < 6; count++) {
                long from = count == 0 ? 0 : random.nextLong(sizeBytes);
                long length = Math.min(sizeBytes - from, random.nextLong(1, into.byteSize()));
                refusable(() -> image.read(from, into.asSlice(0, length)));
            }
        }
    }

    @FunctionalInterface
    private interface Action {
        void run() throws IOException;
    }

    private static void refusable(Action action) throws IOException {
        try {
            action.run();
        } catch (ImageException refused) {
            if (!REFUSALS.contains(refused.kind())) {
                throw refused;
            }
            assertThat(refused.getMessage()).isNotBlank();
        }
    }
}
