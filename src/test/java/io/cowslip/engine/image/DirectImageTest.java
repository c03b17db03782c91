package io.cowslip.engine.image;

import static io.cowslip.testing.ImageAssertions.assertThat;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.cowslip.engine.ImageException;
import io.cowslip.engine.host.HostFile;
import io.cowslip.engine.host.HostFiles;
import io.cowslip.engine.host.HostFiles.PageCache;
import io.cowslip.engine.image.create.ImageCreator;
import io.cowslip.engine.image.options.CreateOptions;
import io.cowslip.engine.image.options.ImageFormat;
import io.cowslip.engine.image.options.ImageOptions;
import io.cowslip.testing.DiskRecipe;
import io.cowslip.testing.HostPageCache;
import io.cowslip.testing.NeedsQemu;
import io.cowslip.testing.QemuTools;
import io.cowslip.testing.RandomData;
import io.cowslip.testing.TestImages;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.SplittableRandom;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Images that are opened with {@code cache.direct}. */
final class DirectImageTest {
    private static final int SIZE = 8 << 20;

    @TempDir
    Path folder;

    /** A page of the file in the page cache would show that something was read or written through it. */
    @ParameterizedTest
    @EnumSource(names = {"QCOW2", "RAW"})
    void leavesNothingInThePageCache(ImageFormat format) throws IOException {
        assumeTrue(HostPageCache.canBeSeen(), "fincore or dd is missing");
        ImageOptions options = TestImages.smallestCaches(4096).withFormat(format);
        Path file = create("image", format, null);
        change(file, options);
        HostPageCache.drop(file);
        assumeTrue(HostPageCache.residentBytes(file) == 0, "the file system keeps files in memory");
        readAll(file, options);
        assertThat(HostPageCache.residentBytes(file)).isPositive();
        HostPageCache.drop(file);

        readAll(file, options.withCacheDirect(true));
        assertThat(HostPageCache.residentBytes(file)).isZero();
        change(file, options.withCacheDirect(true));
        readAll(file, options.withCacheDirect(true));
        assertThat(HostPageCache.residentBytes(file)).isZero();
    }

    private static void change(Path file, ImageOptions options) throws IOException {
        SplittableRandom random = new SplittableRandom(5);
        try (DiskImage image = DiskImage.open(file, options, TestImages.environment(HostFiles.posix()))) {
            for (int round = 0; round < 40; round++) {
                byte[] bytes = new byte[random.nextInt(1, 200_000)];
                random.nextBytes(bytes);
                TestImages.write(image, random.nextInt(SIZE - bytes.length), bytes);
            }
            image.flush();
        }
    }

    private static void readAll(Path file, ImageOptions options) throws IOException {
        try (DiskImage image = DiskImage.open(file, options, TestImages.environment(HostFiles.posix()))) {
            TestImages.read(image, 0, SIZE);
            TestImages.read(image, 12_345, 6789);
        }
    }

    @Test
    void layersBelowDoAsTheLayerAboveUnlessTold() throws IOException {
        create("bottom", ImageFormat.QCOW2, null);
        create("middle", ImageFormat.QCOW2, "bottom");
        Path top = create("top", ImageFormat.QCOW2, "middle");

        assertThat(pageCaches(top, TestImages.readOnly()).values()).containsOnly(PageCache.USED);
        assertThat(pageCaches(top, TestImages.readOnly().withCacheDirect(true)).values())
                .hasSize(3)
                .containsOnly(PageCache.BYPASSED);
        assertThat(pageCaches(top, over(true, over(false, null))))
                .containsExactlyInAnyOrderEntriesOf(
                        Map.of("top", PageCache.BYPASSED, "middle", PageCache.USED, "bottom", PageCache.USED));
        assertThat(pageCaches(top, over(false, over(null, over(true, null)))))
                .containsExactlyInAnyOrderEntriesOf(
                        Map.of("top", PageCache.USED, "middle", PageCache.USED, "bottom", PageCache.BYPASSED));
    }

    private static Map<String, PageCache> pageCaches(Path file, ImageOptions options) throws IOException {
        RecordingFiles files = new RecordingFiles();
        DiskImage.open(file, options, TestImages.environment(files)).close();
        return files.pageCaches;
    }

    @Test
    void becomingWritableGoesOnPastThePageCache() throws IOException {
        Path file = create("image", ImageFormat.QCOW2, null);
        RecordingFiles files = new RecordingFiles();
        ImageOptions options = TestImages.readOnly().withCacheDirect(true);
        try (DiskImage image = DiskImage.open(file, options, TestImages.environment(files))) {
            files.pageCaches.clear();
            image.reconfigure(options.withReadOnly(false));
            assertThat(files.pageCaches).containsExactly(Map.entry("image", PageCache.BYPASSED));
            TestImages.write(image, 1000, new byte[] {1, 2, 3});
        }
    }

    @Test
    void cannotChangeWhileTheImageIsOpen() throws IOException {
        create("bottom", ImageFormat.QCOW2, null);
        Path top = create("top", ImageFormat.QCOW2, "bottom");
        ImageOptions options = ImageOptions.defaults();
        try (DiskImage image = DiskImage.open(top, options, TestImages.environment(HostFiles.posix()))) {
            assertRefused(image, options.withCacheDirect(true), "cache.direct");
            assertRefused(image, over(false, over(true, null)).withReadOnly(false), "backing.cache.direct");
            image.reconfigure(over(false, over(false, null)));
            assertThat(image.options().readOnly()).isTrue();
        }
    }

    private static void assertRefused(DiskImage image, ImageOptions options, String option) {
        assertThatExceptionOfType(ImageException.class)
                .isThrownBy(() -> image.reconfigure(options))
                .withMessageStartingWith(option + " is false")
                .satisfies(refusal -> assertThat(refusal.option()).isEqualTo(option));
    }

    @Test
    @NeedsQemu
    void qemuSeesTheLocks() throws IOException {
        Path file = QemuTools.create(folder.resolve("image"), SIZE, "");
        ImageOptions options = ImageOptions.defaults().withCacheDirect(true);
        try (DiskImage image = DiskImage.open(file, options, TestImages.environment(HostFiles.posix()))) {
            assertThat(QemuTools.img("info", file.toString()).exitCode()).isOne();
            image.reconfigure(options.withReadOnly(true));
            assertThat(QemuTools.img("info", file.toString()).exitCode()).isZero();
            assertThat(QemuTools.img("resize", file.toString(), "16M").exitCode())
                    .isOne();
        }
    }

    /** A raw disk at the bottom whose file ends within a sector, let alone a block. */
    @Test
    @NeedsQemu
    void readsOverAnOddRawFile() throws IOException {
        DiskRecipe recipe = DiskRecipe.plain(512, 100 << 10, 4).over(new DiskRecipe.Layer(0, 90_000, false));
        DiskRecipe.Made made = recipe.make(folder, new SplittableRandom(7));
        ImageOptions options = TestImages.smallestCaches(512).withCacheDirect(true);
        try (DiskImage image = DiskImage.open(made.disk().file(), options, TestImages.environment(HostFiles.posix()))) {
            assertThat(image).readsAs(made.model());
        }
    }

    @Test
    void aRawFileKeepsItsOddSize() throws IOException {
        byte[] content = RandomData.disk(new SplittableRandom(3), 100_000);
        Path file = Files.write(folder.resolve("disk.raw"), content);
        ImageOptions raw = ImageOptions.defaults().withFormat(ImageFormat.RAW).withCacheDirect(true);
        try (DiskImage image = DiskImage.open(file, raw, TestImages.environment(HostFiles.posix()))) {
            assertThat(image.virtualSizeBytes()).isEqualTo(100_352);
            TestImages.write(image, 99_990, new byte[10]);
            TestImages.write(image, 5, new byte[10]);
        }
        Arrays.fill(content, 99_990, 100_000, (byte) 0);
        Arrays.fill(content, 5, 15, (byte) 0);
        assertThat(Files.readAllBytes(file)).isEqualTo(content);
    }

    private static ImageOptions over(@Nullable Boolean direct, @Nullable ImageOptions backing) {
        ImageOptions top = TestImages.readOnly();
        return new ImageOptions(
                top.format(),
                top.readOnly(),
                top.caches(),
                top.cacheCleanIntervalSeconds(),
                top.discard(),
                direct,
                backing);
    }

    private Path create(String name, ImageFormat format, @Nullable String backing) throws IOException {
        Path file = folder.resolve(name);
        CreateOptions options = new CreateOptions(
                format,
                (long) SIZE,
                65536,
                backing,
                backing == null ? null : ImageFormat.QCOW2,
                16,
                CreateOptions.CompressionType.ZLIB,
                3);
        ImageCreator.create(file, options, TestImages.environment(HostFiles.posix()));
        return file;
    }

    /** The real files of this machine, and how each was opened. */
    private static final class RecordingFiles implements HostFiles {
        private final Map<String, PageCache> pageCaches = new LinkedHashMap<>();

        @Override
        public HostFile open(Path path, Mode mode, PageCache pageCache) throws IOException {
            pageCaches.put(String.valueOf(path.getFileName()), pageCache);
            return HostFiles.posix().open(path, mode, pageCache);
        }

        @Override
        public void syncFolder(Path synced) throws IOException {
            HostFiles.posix().syncFolder(synced);
        }
    }
}
