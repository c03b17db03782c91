package io.cowslip.engine.image;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import io.cowslip.engine.ImageException;
import io.cowslip.engine.format.ImageHeader;
import io.cowslip.engine.image.convert.DiskMap;
import io.cowslip.engine.image.create.ImageCreator;
import io.cowslip.engine.image.options.CreateOptions;
import io.cowslip.engine.image.options.CreateOptions.CompressionType;
import io.cowslip.engine.image.options.ImageFormat;
import io.cowslip.engine.image.options.ImageOptions;
import io.cowslip.engine.work.WorkObserver;
import io.cowslip.fuzz.Hostile;
import io.cowslip.fuzz.MemoryFiles;
import io.cowslip.testing.TestImages;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicReference;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** Chains as deep as they may be are read with little stack; deeper ones, and those without an end, are refused. */
final class DeepChainsTest {
    private static final int DISK_BYTES = 1 << 16;

    /** Less than any thread of the service has. */
    private static final long STACK_BYTES = 512 << 10;

    @TempDir
    Path folder;

    private final MemoryFiles files = new MemoryFiles();
    private byte[] made = new byte[0];

    @BeforeEach
    void make() throws IOException {
        Path file = folder.resolve("image");
        ImageCreator.create(
                file,
                new CreateOptions(ImageFormat.QCOW2, (long) DISK_BYTES, 512, null, null, 16, CompressionType.ZLIB, 3),
                TestEnvironments.plain());
        made = Files.readAllBytes(file);
    }

    @Test
    @Timeout(value = 120, unit = TimeUnit.SECONDS)
    void theDeepestChainIsReadThroughToItsEnd() throws Exception {
        byte[] disk = TestImages.filled(DISK_BYTES, 7);
        files.put("0", disk);
        for (int layer = 1; layer < ChainFiles.MAX_LAYERS; layer++) {
            files.put(String.valueOf(layer), over(String.valueOf(layer - 1), layer == 1 ? "raw" : "qcow2"));
        }
        Path top = path(ChainFiles.MAX_LAYERS - 1);

        withLittleStack(() -> {
            try (DiskImage image = DiskImage.open(top, ImageOptions.defaults(), Hostile.environment(files))) {
                assertThat(TestImages.read(image, 0, DISK_BYTES)).isEqualTo(disk);
                assertThat(image.extentAt(0, DISK_BYTES).length()).isPositive();
                assertThat(DiskMap.of(image, 0, DISK_BYTES, 10, WorkObserver.NONE)
                                .extents())
                        .isNotEmpty();
                TestImages.write(image, 100, TestImages.filled(100, 8));
                assertThat(image.layers()).hasSize(ChainFiles.MAX_LAYERS);
            }
            assertThat(ImageInfo.chain(top, Hostile.environment(files))).hasSize(ChainFiles.MAX_LAYERS);
        });
        files.close();
    }

    @Test
    void aDeeperChainIsRefused() throws Exception {
        files.put("0", TestImages.filled(DISK_BYTES, 7));
        for (int layer = 1; layer <= ChainFiles.MAX_LAYERS; layer++) {
            files.put(String.valueOf(layer), over(String.valueOf(layer - 1), layer == 1 ? "raw" : "qcow2"));
        }
        assertRefused(path(ChainFiles.MAX_LAYERS), "200 files");
    }

    @Test
    void chainsWithoutAnEndAreRefused() throws Exception {
        files.put("0", over("0", "qcow2"));
        assertRefused(path(0), "comes back");

        files.put("1", over("2", "qcow2"));
        files.put("2", over("3", "qcow2"));
        files.put("3", over("1", "qcow2"));
        assertRefused(path(1), "comes back");
    }

    private void assertRefused(Path top, String why) throws Exception {
        withLittleStack(() -> {
            ImageException refused = catchThrowableOfType(
                    ImageException.class,
                    () -> DiskImage.open(top, TestImages.readOnly(), Hostile.environment(files))
                            .close());
            assertThat(refused).isNotNull().hasMessageContaining(why);
            ImageException untold =
                    catchThrowableOfType(ImageException.class, () -> ImageInfo.chain(top, Hostile.environment(files)));
            assertThat(untold).isNotNull().hasMessageContaining(why);
        });
        files.close();
    }

    private static Path path(int layer) {
        return Path.of("/memory", String.valueOf(layer));
    }

    private byte[] over(String name, String format) throws IOException {
        ImageHeader header = ImageHeader.parse(MemorySegment.ofArray(made), made.length)
                .withoutFeatureNames()
                .withBacking(name, ImageFormat.parse("format", format).wireName());
        byte[] image = made.clone();
        byte[] bytes = header.toBytes();
        java.util.Arrays.fill(image, 0, 512, (byte) 0);
        System.arraycopy(bytes, 0, image, 0, bytes.length);
        return image;
    }

    @FunctionalInterface
    private interface Work {
        void run() throws Exception;
    }

    private static void withLittleStack(Work work) throws Exception {
        AtomicReference<@Nullable Throwable> failure = new AtomicReference<>();
        Thread thread = new Thread(
                null,
                () -> {
                    try {
                        work.run();
                    } catch (Throwable thrown) {
                        failure.set(thrown);
                    }
                },
                "little stack",
                STACK_BYTES);
        thread.start();
        thread.join();
        Throwable thrown = failure.get();
        if (thrown != null) {
            throw new AssertionError(thrown);
        }
    }
}
