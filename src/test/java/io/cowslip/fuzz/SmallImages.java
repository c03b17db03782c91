package io.cowslip.fuzz;

import io.cowslip.engine.host.HostFiles;
import io.cowslip.engine.image.DiskImage;
import io.cowslip.engine.image.create.ImageCreator;
import io.cowslip.engine.image.options.CreateOptions;
import io.cowslip.engine.image.options.CreateOptions.CompressionType;
import io.cowslip.engine.image.options.ImageFormat;
import io.cowslip.engine.image.options.ImageOptions;
import io.cowslip.engine.image.options.WriteOptions;
import io.cowslip.testing.FeatureRecipe;
import io.cowslip.testing.QemuTools;
import io.cowslip.testing.TestImages;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;

/**
 * Sound qcow2 images of a few clusters, so small that a change somewhere in them is one that matters: by QEMU with all
 * features, and by this engine with zstd and with subclusters.
 */
final class SmallImages {
    private static final int QEMU_IMAGES = 14;
    private static final int MOST_BYTES = 96 << 10;

    private SmallImages() {}

    static List<byte[]> make(Path folder) throws IOException {
        List<byte[]> images = new ArrayList<>();
        for (int index = 0; images.size() < QEMU_IMAGES; index++) {
            Path file = folder.resolve("qemu-" + index);
            addSmall(images, recipe(index).make(file, new SplittableRandom(index)));
        }
        addSmall(images, overItself(folder.resolve("loop")));
        addSmall(images, overRaw(folder.resolve("over")));
        addSmall(images, compressed(folder.resolve("zstd"), CompressionType.ZSTD, 3));
        addSmall(images, compressed(folder.resolve("zlib"), CompressionType.ZLIB, 2));
        addSmall(images, subclusters(folder.resolve("subclusters")));
        return images;
    }

    /** A recipe for a small image with any of QEMU's features. */
    static FeatureRecipe any(SplittableRandom random) {
        FeatureRecipe any = FeatureRecipe.any(random);
        if (any.extendedL2() && random.nextBoolean()) {
            return new FeatureRecipe(
                    1 << 14,
                    3,
                    any.refcountBits(),
                    true,
                    false,
                    Math.min(1, any.snapshots()),
                    any.bitmaps(),
                    512 * random.nextInt(1, 200));
        }
        return new FeatureRecipe(
                Math.min(any.clusterBytes(), 4096),
                any.version(),
                any.refcountBits(),
                false,
                false,
                any.snapshots(),
                any.bitmaps(),
                512 * random.nextInt(1, 60));
    }

    private static FeatureRecipe recipe(int index) {
        int version = index % 4 == 3 ? 2 : 3;
        int refcountBits = version == 2 ? 16 : new int[] {16, 8, 64, 1, 16, 32}[index % 6];
        int snapshots = refcountBits < 8 ? 0 : index % 3;
        return new FeatureRecipe(
                512 << index % 3,
                version,
                refcountBits,
                false,
                false,
                snapshots,
                version == 2 ? 0 : index % 2 + (index % 5 == 0 ? 1 : 0),
                512 * (8 + 5 * index));
    }

    private static void addSmall(List<byte[]> images, Path file) throws IOException {
        if (Files.size(file) <= MOST_BYTES) {
            images.add(Files.readAllBytes(file));
        }
    }

    private static Path overItself(Path file) throws IOException {
        Path image = QemuTools.create(file, 8192, "cluster_size=512");
        Files.copy(image, image.resolveSibling("image"));
        QemuTools.img("rebase", "-u", "-f", "qcow2", "-b", "image", "-F", "qcow2", image.toString())
                .succeeded();
        return image;
    }

    private static Path overRaw(Path file) throws IOException {
        Files.write(file.resolveSibling("raw"), new byte[8192]);
        Path image = QemuTools.createOver(file, "raw", "raw", 16384, "cluster_size=512");
        QemuTools.edit(image, "write -P 7 1024 700", "write -z 4096 1024", "discard 2048 512");
        return image;
    }

    private static Path compressed(Path file, CompressionType type, int version) throws IOException {
        ImageCreator.create(
                file,
                new CreateOptions(ImageFormat.QCOW2, 16384L, 512, null, null, 16, type, version),
                TestImages.environment(HostFiles.posix()));
        WriteOptions compressing = ImageOptions.defaults().writes().withCompress(true);
        try (DiskImage image = DiskImage.open(
                file, ImageOptions.defaults().withWrites(compressing), TestImages.environment(HostFiles.posix()))) {
            for (int cluster = 0; cluster < 10; cluster += 3) {
                byte[] bytes = TestImages.filled(512, cluster + 1);
                bytes[cluster] = 99;
                TestImages.write(image, cluster * 512L, bytes);
            }
        }
        return file;
    }

    private static Path subclusters(Path file) throws IOException {
        ImageCreator.create(
                file,
                new CreateOptions(ImageFormat.QCOW2, 1L << 16, 1 << 14, null, null, 16, CompressionType.ZLIB, 3)
                        .withExtendedL2(true),
                TestImages.environment(HostFiles.posix()));
        try (DiskImage image = TestImages.open(file)) {
            TestImages.write(image, 700, TestImages.filled(900, 5));
            image.zero(1 << 14, 1 << 13);
        }
        // As far as something was written: the last cluster need not be whole.
        return file;
    }
}
