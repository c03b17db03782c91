package io.cowslip.engine.image.convert;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import io.cowslip.engine.ImageException;
import io.cowslip.engine.host.HostFiles;
import io.cowslip.engine.image.DiskImage;
import io.cowslip.engine.image.RandomRecipes;
import io.cowslip.engine.image.create.ImageCreator;
import io.cowslip.engine.image.file.ImageEnvironment;
import io.cowslip.engine.image.options.CreateOptions;
import io.cowslip.engine.image.options.CreateOptions.CompressionType;
import io.cowslip.engine.image.options.ImageFormat;
import io.cowslip.engine.image.options.ImageOptions;
import io.cowslip.engine.image.options.WriteOptions;
import io.cowslip.engine.work.WorkObserver;
import io.cowslip.testing.DiskRecipe;
import io.cowslip.testing.ImageAssertions;
import io.cowslip.testing.ModelDisk;
import io.cowslip.testing.NeedsQemu;
import io.cowslip.testing.QemuTools;
import io.cowslip.testing.RandomData;
import io.cowslip.testing.Seeds;
import io.cowslip.testing.TestImages;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Objects;
import java.util.SplittableRandom;
import java.util.concurrent.CancellationException;
import java.util.concurrent.atomic.AtomicLong;
import java.util.stream.LongStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Copies of disks of every kind, into every kind of target, as QEMU reads them. */
@NeedsQemu
class DiskCopyTest {
    private static final int[] CLUSTER_BYTES = {512, 4096, 65536, 2 << 20};

    @TempDir
    Path folder;

    static LongStream seeds() {
        return Seeds.seeds(12, 150);
    }

    @ParameterizedTest(name = "seed {0}")
    @MethodSource("seeds")
    void qemuReadsTheSame(long seed) throws IOException {
        SplittableRandom random = new SplittableRandom(seed);
        DiskRecipe recipe = RandomRecipes.recipe(random);
        DiskRecipe.Made made = recipe.make(Files.createDirectory(folder.resolve("source")), random);
        CreateOptions options = target(random, recipe.sizeBytes());
        boolean compress = options.format() == ImageFormat.QCOW2 && random.nextBoolean();
        try {
            Path copy = copy(made.disk().file(), options, compress);
            ModelDisk model = made.model();
            if (options.format() == ImageFormat.RAW) {
                assertThat(model.difference(0, Files.readAllBytes(copy))).isEmpty();
            } else {
                byte[] wanted = Arrays.copyOf(model.read(0, model.sizeBytes()), size(options));
                ImageAssertions.assertThat(copy).passesQemuCheck().passesAudit().holdsForQemu(ModelDisk.of(wanted));
            }
        } catch (IOException | RuntimeException | AssertionError e) {
            throw new AssertionError(
                    recipe + " to " + options + (compress ? ", compressed: " : ": ") + e.getMessage() + "; "
                            + Seeds.replay(getClass(), seed),
                    e);
        }
    }

    private static int size(CreateOptions options) {
        return Math.toIntExact(Objects.requireNonNull(options.virtualSizeBytes()));
    }

    private CreateOptions target(SplittableRandom random, int sizeBytes) throws IOException {
        if (random.nextInt(4) == 0) {
            return new CreateOptions(ImageFormat.RAW, (long) sizeBytes, 0, null, null, 16, CompressionType.ZLIB, 3);
        }
        boolean overlay = random.nextInt(3) == 0;
        if (overlay) {
            int backingBytes = 512 * random.nextInt(1, sizeBytes / 256 + 2);
            byte[] other = RandomData.bytes(random, backingBytes);
            Files.write(folder.resolve("below.raw"), other);
        }
        int version = random.nextInt(4) == 0 ? 2 : 3;
        long larger = random.nextBoolean() ? 0 : 512L * random.nextInt(4000);
        return new CreateOptions(
                ImageFormat.QCOW2,
                sizeBytes + larger,
                CLUSTER_BYTES[random.nextInt(CLUSTER_BYTES.length)],
                overlay ? "below.raw" : null,
                overlay ? ImageFormat.RAW : null,
                16,
                version == 3 && random.nextBoolean() ? CompressionType.ZSTD : CompressionType.ZLIB,
                version);
    }

    private Path copy(Path from, CreateOptions options, boolean compress) throws IOException {
        ImageEnvironment environment = TestImages.environment(HostFiles.posix());
        Path to = folder.resolve("copy");
        ImageCreator.create(to, options, environment);
        try (DiskImage source = DiskImage.open(from, TestImages.readOnly(), environment);
                DiskImage target = DiskImage.open(to, targetOptions(options.format(), compress), environment)) {
            AtomicLong done = new AtomicLong();
            DiskCopy.copy(source, target, (doneBytes, totalBytes) -> {
                assertThat(doneBytes).isLessThanOrEqualTo(totalBytes);
                done.accumulateAndGet(doneBytes, Math::max);
            });
            assertThat(done).hasValueGreaterThanOrEqualTo(source.virtualSizeBytes());
        }
        return to;
    }

    private static ImageOptions targetOptions(ImageFormat format, boolean compress) {
        return ImageOptions.defaults().withFormat(format).withWrites(WriteOptions.DEFAULTS.withCompress(compress));
    }

    @Test
    void zerosTakeNoSpace() throws IOException {
        Path source = folder.resolve("zeros.raw");
        byte[] disk = new byte[8 << 20];
        Arrays.fill(disk, 5 << 20, (5 << 20) + 10, (byte) 1);
        Files.write(source, disk);
        ImageEnvironment environment = TestImages.environment(HostFiles.posix());
        Path target = folder.resolve("sparse.qcow2");
        ImageCreator.create(target, CreateOptions.qcow2(disk.length), environment);
        try (DiskImage from = DiskImage.open(source, TestImages.readOnly().withFormat(ImageFormat.RAW), environment);
                DiskImage to = DiskImage.open(target, ImageOptions.defaults(), environment)) {
            DiskCopy.copy(from, to, WorkObserver.NONE);
        }
        assertThat(QemuTools.map(target).stream().filter(QemuTools.MapEntry::data))
                .singleElement()
                .satisfies(entry -> {
                    assertThat(entry.start()).isEqualTo(5 << 20);
                    assertThat(entry.length()).isEqualTo(65536);
                });
    }

    @Test
    void aSmallerTargetIsRefused() throws IOException {
        Path source = QemuTools.create(folder.resolve("large.qcow2"), 2 << 20, "");
        assertThatExceptionOfType(ImageException.class)
                .isThrownBy(() -> copy(source, CreateOptions.qcow2(1 << 20), false))
                .satisfies(refused -> assertThat(refused.option()).isEqualTo("virtual-size"))
                .withMessageContaining("1048576, less than the 2097152 bytes");
    }

    @Test
    void itStopsWhenItsObserverSaysSo() throws IOException {
        Path source = QemuTools.create(folder.resolve("large.qcow2"), 64 << 20, "");
        ImageEnvironment environment = TestImages.environment(HostFiles.posix());
        Path target = folder.resolve("stopped.qcow2");
        ImageCreator.create(target, CreateOptions.qcow2(64 << 20), environment);
        try (DiskImage from = DiskImage.open(source, TestImages.readOnly(), environment);
                DiskImage to = DiskImage.open(target, ImageOptions.defaults(), environment)) {
            assertThatExceptionOfType(CancellationException.class)
                    .isThrownBy(() -> DiskCopy.copy(from, to, (doneBytes, totalBytes) -> {
                        if (doneBytes > 0) {
                            throw new CancellationException("stop");
                        }
                    }));
        }
    }
}
