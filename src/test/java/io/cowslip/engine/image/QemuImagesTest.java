package io.cowslip.engine.image;

import static io.cowslip.testing.ImageAssertions.assertThat;
import static org.assertj.core.api.Assertions.assertThat;

import io.cowslip.engine.cache.CacheOptions;
import io.cowslip.engine.host.HostFiles;
import io.cowslip.engine.image.file.ImageEnvironment;
import io.cowslip.engine.image.map.GuestExtent;
import io.cowslip.engine.image.options.ImageOptions;
import io.cowslip.testing.DiskRecipe;
import io.cowslip.testing.DiskRecipe.Compression;
import io.cowslip.testing.DiskRecipe.Layer;
import io.cowslip.testing.ModelDisk;
import io.cowslip.testing.NeedsQemu;
import io.cowslip.testing.QemuTools;
import io.cowslip.testing.RandomData;
import io.cowslip.testing.TestImages;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.SplittableRandom;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/** Images that QEMU made read as QEMU reads them, and their extents are those of {@code qemu-img map}. */
@NeedsQemu
final class QemuImagesTest {

    @TempDir
    Path folder;

    static IntStream clusterSizes() {
        return IntStream.rangeClosed(9, 21).map(bits -> 1 << bits);
    }

    static IntStream refcountWidths() {
        return IntStream.rangeClosed(0, 6).map(order -> 1 << order);
    }

    static Stream<Arguments> compressions() {
        return clusterSizes()
                .boxed()
                .flatMap(size -> Stream.of(Compression.values()).map(type -> Arguments.of(size, type)));
    }

    @ParameterizedTest
    @MethodSource("clusterSizes")
    void readsPlainZeroedAndCompressedClusters(int clusterBytes) throws IOException {
        readsAsMade(DiskRecipe.plain(clusterBytes, size(clusterBytes) + 512, 24));
    }

    @ParameterizedTest
    @MethodSource("clusterSizes")
    void readsVersion2(int clusterBytes) throws IOException {
        readsAsMade(DiskRecipe.plain(clusterBytes, size(clusterBytes) - 512, 24).withVersion(2));
    }

    @ParameterizedTest
    @MethodSource("clusterSizes")
    void readsChains(int clusterBytes) throws IOException {
        int size = size(clusterBytes);
        Layer shorter = new Layer(4096, size / 2 + 512, true);
        Layer longer = new Layer(clusterBytes, size + 4096, false);
        readsAsMade(DiskRecipe.plain(clusterBytes, size, 8).over(shorter, longer));
    }

    @ParameterizedTest
    @MethodSource("clusterSizes")
    void readsOverRaw(int clusterBytes) throws IOException {
        int size = size(clusterBytes);
        DiskRecipe recipe = DiskRecipe.plain(clusterBytes, size, 6).over(new Layer(0, size / 3 / 512 * 512, false));
        DiskRecipe.Made made = recipe.make(folder, new SplittableRandom(clusterBytes));
        try (DiskImage image = TestImages.openReadOnly(made.disk().file())) {
            assertThat(image).readsAs(made.model());
            assertThat(extents(image)).allSatisfy(extent -> {
                if (extent.zero()) {
                    assertThat(image).readsAsZeroAt(extent.start(), (int) extent.length());
                }
            });
        }
    }

    @ParameterizedTest
    @MethodSource("refcountWidths")
    void readsAllRefcountWidths(int bits) throws IOException {
        readsAsMade(DiskRecipe.plain(4096, 300 << 10, 24).withRefcountBits(bits));
    }

    @ParameterizedTest
    @MethodSource("compressions")
    void readsCompressedDisks(int clusterBytes, Compression type) throws IOException {
        byte[] disk = RandomData.disk(new SplittableRandom(clusterBytes), size(clusterBytes) + 1536);
        Path raw = Files.write(folder.resolve("raw"), disk);
        Path file = folder.resolve("compressed.qcow2");
        String name = type.name().toLowerCase(Locale.ROOT);
        QemuTools.convert(
                raw, "raw", file, "qcow2", "-c", "-o", "cluster_size=" + clusterBytes + ",compression_type=" + name);

        readsAlike(file, ModelDisk.of(disk));
    }

    @ParameterizedTest
    @MethodSource("clusterSizes")
    void readsDisksOfAwkwardSizes(int clusterBytes) throws IOException {
        int perTable = (int) Math.min(clusterBytes / 8L * clusterBytes, 2 << 20);
        for (int size : IntStream.of(512, clusterBytes, clusterBytes + 512, perTable, perTable + 512)
                .distinct()
                .toArray()) {
            Path sub = Files.createDirectory(folder.resolve("size" + size));
            DiskRecipe.Made made = DiskRecipe.plain(clusterBytes, size, 3).make(sub, new SplittableRandom(size));
            readsAlike(made.disk().file(), made.model());
        }
    }

    @ParameterizedTest
    @MethodSource("clusterSizes")
    void readsAnEmptyDisk(int clusterBytes) throws IOException {
        Path file = QemuTools.create(folder.resolve("empty.qcow2"), 0, "cluster_size=" + clusterBytes);
        try (DiskImage image = TestImages.openReadOnly(file)) {
            assertThat(image.virtualSizeBytes()).isZero();
        }
    }

    private void readsAsMade(DiskRecipe recipe) throws IOException {
        DiskRecipe.Made made = recipe.make(folder, new SplittableRandom(recipe.hashCode()));
        readsAlike(made.disk().file(), made.model());
    }

    private static void readsAlike(Path file, ModelDisk model) throws IOException {
        ImageOptions smallest = TestImages.withCaches(new CacheOptions(0L, 512L, 0L, null), true);
        for (ImageOptions options : List.of(TestImages.readOnly(), smallest, smallest.withCacheDirect(true))) {
            ImageEnvironment environment = TestImages.environment(HostFiles.posix());
            try (DiskImage image = DiskImage.open(file, options, environment)) {
                assertThat(image).readsAs(model);
                assertThat(extents(image)).isEqualTo(extentsByQemu(file));
            }
        }
    }

    /** The disk from end to end; neighbours that read alike are one. */
    private static List<GuestExtent> extents(DiskImage image) throws IOException {
        List<GuestExtent> extents = new ArrayList<>();
        for (long at = 0; at < image.virtualSizeBytes(); ) {
            GuestExtent extent = image.extentAt(at, image.virtualSizeBytes() - at);
            assertThat(extent.start()).isEqualTo(at);
            assertThat(extent.length()).isPositive();
            append(extents, extent);
            at += extent.length();
        }
        return extents;
    }

    private static List<GuestExtent> extentsByQemu(Path file) {
        List<GuestExtent> extents = new ArrayList<>();
        for (QemuTools.MapEntry entry : QemuTools.map(file)) {
            append(extents, new GuestExtent(entry.start(), entry.length(), entry.zero(), !entry.present()));
        }
        return extents;
    }

    private static void append(List<GuestExtent> extents, GuestExtent next) {
        GuestExtent last = extents.isEmpty() ? null : extents.getLast();
        if (last != null && last.zero() == next.zero() && last.hole() == next.hole()) {
            extents.removeLast();
            extents.add(new GuestExtent(last.start(), last.length() + next.length(), last.zero(), last.hole()));
        } else {
            extents.add(next);
        }
    }

    private static int size(int clusterBytes) {
        return Math.clamp(30L * clusterBytes, 100 << 10, 16 << 20);
    }
}
