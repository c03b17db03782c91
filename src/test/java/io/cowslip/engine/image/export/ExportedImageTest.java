package io.cowslip.engine.image.export;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatCode;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.cowslip.engine.ImageException;
import io.cowslip.engine.image.DiskImage;
import io.cowslip.engine.image.TestEnvironments;
import io.cowslip.engine.image.options.CreateOptions.CompressionType;
import io.cowslip.engine.image.options.ImageFormat;
import io.cowslip.engine.image.options.ImageOptions;
import io.cowslip.engine.image.options.Preallocation;
import io.cowslip.testing.NeedsQemu;
import io.cowslip.testing.Processes;
import io.cowslip.testing.QemuTools;
import io.cowslip.testing.RandomData;
import io.cowslip.testing.Seeds;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.SplittableRandom;
import java.util.concurrent.CancellationException;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.NullSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Disks made into qcow2 files while they are sent: qemu-img finds each sound and equal, and every range is a part of it. */
@NeedsQemu
class ExportedImageTest {
    private static final int MIB = 1 << 20;
    private static final Runnable UNCHANGED = () -> {};

    /** Goes on, and takes what it needs. */
    private static final ExportPlanning UNBOUNDED = new ExportPlanning() {
        @Override
        public void requireWanted() {}

        @Override
        public void reserve(long bytes) {}
    };

    @TempDir
    private Path folder;

    @ParameterizedTest
    @NullSource
    @EnumSource
    void randomDisksAreExported(@Nullable CompressionType compression) {
        each(4, 60, random -> {
            Path source = randomImage(random);
            Path exported = export(source, compression);
            assertThat(QemuTools.check(exported).clean()).isTrue();
            assertEqual(source, exported);
        });
    }

    @ParameterizedTest
    @ValueSource(longs = {0, 512, 65536, 65536 + 512})
    void smallDisksAreExported(long sizeBytes) throws IOException {
        Path source = QemuTools.create(folder.resolve("small.qcow2"), sizeBytes, "");
        if (sizeBytes > 0) {
            QemuTools.edit(source, "write -P 7 " + (sizeBytes - 512) + " 512");
        }
        for (CompressionType compression : CompressionType.values()) {
            Path exported = export(source, compression);
            assertThat(QemuTools.check(exported).clean()).isTrue();
            assertEqual(source, exported);
        }
    }

    @Test
    void aLargeEmptyDiskIsSmall() throws IOException {
        Path source = QemuTools.create(folder.resolve("empty.qcow2"), 16L << 40, "");
        QemuTools.edit(source, "write -P 5 15T 64k");
        Path exported = export(source, null);
        // The L1 table of 16 TiB has 4 clusters; one L2 table, one data cluster, header, refcount table and block.
        assertThat(Files.size(exported)).isEqualTo(9 * 65536);
        assertThat(QemuTools.check(exported).clean()).isTrue();
        assertEqual(source, exported);
    }

    @ParameterizedTest
    @EnumSource
    void zerosThatNobodyNotedTakeNothingCompressed(CompressionType compression) throws IOException {
        Path source = folder.resolve("zeros.raw");
        Files.write(source, new byte[4 * MIB]);
        QemuTools.io("raw", source, "write -P 0 0 4M").succeeded();
        Path exported = folder.resolve("zeros.qcow2");
        exportTo(exported, source, ImageOptions.defaults().withFormat(ImageFormat.RAW), compression);
        assertThat(Files.size(exported)).isLessThanOrEqualTo(5 * 65536);
        assertThat(QemuTools.check(exported).clean()).isTrue();
    }

    @Test
    void compressedDisksAreSmaller() throws IOException {
        Path source = QemuTools.create(folder.resolve("text.qcow2"), 8 * MIB, "");
        QemuTools.edit(source, "write -P 0x41 0 8M");
        assertThat(Files.size(export(source, CompressionType.ZSTD))).isLessThan(Files.size(export(source, null)) / 10);
        assertThat(QemuTools.compressedClusters(export(source, CompressionType.ZLIB)))
                .isEqualTo(128);
    }

    @ParameterizedTest
    @NullSource
    @EnumSource
    void everyRangeIsAPartOfTheWhole(@Nullable CompressionType compression) {
        each(2, 20, random -> {
            Path source = randomImage(random);
            try (DiskImage disk = DiskImage.open(source, readOnly(), TestEnvironments.plain());
                    ExportedImage image = ExportedImage.plan(disk, compression, UNCHANGED, UNBOUNDED)) {
                byte[] whole = range(image, 0, image.sizeBytes());
                for (int round = 0; round < 40; round++) {
                    long start = random.nextLong(image.sizeBytes());
                    long length = random.nextLong(Math.min(image.sizeBytes() - start, 3 * MIB)) + 1;
                    byte[] part = range(image, start, length);
                    assertThat(MemorySegment.ofArray(part)
                                    .mismatch(MemorySegment.ofArray(whole).asSlice(start, length)))
                            .as("%d bytes at %d", length, start)
                            .isEqualTo(-1);
                }
            } catch (IOException e) {
                throw new UncheckedIOException(e);
            }
        });
    }

    @Test
    void aDiskThatChangesIsNotExported() throws IOException {
        Path source = QemuTools.create(folder.resolve("changing.qcow2"), 16 * MIB, "");
        QemuTools.edit(source, "write -P 1 0 16M");
        AtomicInteger checks = new AtomicInteger();
        ByteArrayOutputStream sent = new ByteArrayOutputStream();
        try (DiskImage disk = DiskImage.open(source, ImageOptions.defaults(), TestEnvironments.plain())) {
            long before = disk.changeCount();
            ExportedImage image = ExportedImage.plan(
                    disk,
                    null,
                    () -> {
                        checks.incrementAndGet();
                        if (disk.changeCount() != before) {
                            throw new CancellationException("written");
                        }
                    },
                    UNBOUNDED);
            assertThatThrownBy(() -> image.send(0, image.sizeBytes(), piece -> {
                        sent.writeBytes(piece.toArray(ValueLayout.JAVA_BYTE));
                        if (sent.size() >= 4 * MIB && disk.changeCount() == before) {
                            overwrite(disk, 12 * MIB);
                        }
                    }))
                    .isInstanceOf(CancellationException.class);
            assertThat(checks.get()).isGreaterThan(2);
            assertThat(sent.size()).isLessThan(8 * MIB);
        }
    }

    /** Its end is gone when the export comes there, which is nothing that the export did wrong. */
    @Test
    void aDiskThatGetsSmallerIsRefusedByItsEnd() throws IOException {
        Path source = QemuTools.create(folder.resolve("smaller.qcow2"), 16 * MIB, "");
        QemuTools.edit(source, "write -P 1 0 16M");
        try (DiskImage disk = DiskImage.open(source, ImageOptions.defaults(), TestEnvironments.plain());
                ExportedImage image = ExportedImage.plan(disk, null, () -> {}, UNBOUNDED)) {
            assertThatExceptionOfType(ImageException.class)
                    .isThrownBy(() -> image.send(0, image.sizeBytes(), piece -> {
                        if (disk.virtualSizeBytes() == 16 * MIB) {
                            disk.resize(MIB, true, Preallocation.OFF);
                        }
                    }))
                    .satisfies(failure -> assertThat(failure.kind()).isEqualTo(ImageException.Kind.OUT_OF_RANGE));
        }
    }

    private void each(int inBuild, int inLongRun, Consumer<SplittableRandom> test) {
        Seeds.seeds(inBuild, inLongRun)
                .forEach(seed -> assertThatCode(() -> test.accept(new SplittableRandom(seed)))
                        .as(Seeds.replay(getClass(), seed))
                        .doesNotThrowAnyException());
    }

    private static void overwrite(DiskImage disk, long offset) throws IOException {
        try (Arena arena = Arena.ofConfined()) {
            disk.write(offset, arena.allocate(512));
        }
    }

    private Path randomImage(SplittableRandom random) {
        Path raw = folder.resolve("disk.raw");
        Path image = folder.resolve("disk.qcow2");
        int size = random.nextInt(1, 40_000) * 512;
        try {
            Files.deleteIfExists(image);
            Files.write(raw, RandomData.disk(random, size));
            String compress = random.nextBoolean() ? "-c" : "-q";
            QemuTools.img(
                            "convert",
                            compress,
                            "-f",
                            "raw",
                            "-O",
                            "qcow2",
                            "-o",
                            "cluster_size=" + (512 << random.nextInt(9)),
                            raw.toString(),
                            image.toString())
                    .succeeded();
            return image;
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private Path export(Path source, @Nullable CompressionType compression) {
        Path exported = folder.resolve("exported-" + compression + ".qcow2");
        try {
            exportTo(exported, source, readOnly(), compression);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        return exported;
    }

    private static void exportTo(
            Path exported, Path source, ImageOptions options, @Nullable CompressionType compression)
            throws IOException {
        try (DiskImage disk = DiskImage.open(source, options.withReadOnly(true), TestEnvironments.plain());
                ExportedImage image = ExportedImage.plan(disk, compression, UNCHANGED, UNBOUNDED);
                OutputStream out = Files.newOutputStream(exported)) {
            image.send(0, image.sizeBytes(), piece -> out.write(piece.toArray(ValueLayout.JAVA_BYTE)));
            assertThat(Files.size(exported)).isEqualTo(image.sizeBytes());
        }
    }

    private static byte[] range(ExportedImage image, long start, long length) throws IOException {
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        image.send(start, length, piece -> bytes.writeBytes(piece.toArray(ValueLayout.JAVA_BYTE)));
        return bytes.toByteArray();
    }

    private static ImageOptions readOnly() {
        return ImageOptions.defaults().withReadOnly(true);
    }

    private static void assertEqual(Path one, Path other) {
        Processes.Output compared = QemuTools.img("compare", one.toString(), other.toString());
        assertThat(compared.exitCode()).as(compared.out() + compared.err()).isZero();
    }
}
