package io.cowslip.engine.image;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.cowslip.engine.cache.CacheOptions;
import io.cowslip.engine.image.create.ImageCreator;
import io.cowslip.engine.image.options.CreateOptions;
import io.cowslip.engine.image.options.ImageFormat;
import io.cowslip.engine.image.options.ImageOptions;
import io.cowslip.testing.Background;
import io.cowslip.testing.HeldOperations;
import io.cowslip.testing.TestImages;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** A write that copies from the layer below keeps that layer's cache until it is over. */
@Timeout(60)
final class ReconfigureBesideCopyTest {
    private static final int CLUSTER = 65536;

    @TempDir
    Path folder;

    @Test
    void reconfiguringWaitsForTheCopy() throws Exception {
        Path base = folder.resolve("base.qcow2");
        Path overlay = folder.resolve("overlay.qcow2");
        createChain(base, overlay);
        HeldOperations files = new HeldOperations(base);
        try (DiskImage image = DiskImage.open(overlay, ImageOptions.defaults(), TestImages.environment(files))) {
            HeldOperations.Hold reading = files.holdNext(HeldOperations.Kind.READ);
            CompletableFuture<Void> writing = Background.run(() -> TestImages.write(image, 100, new byte[] {9}));
            reading.awaitReached();
            CompletableFuture<Void> reconfiguring = Background.run(() -> image.reconfigure(otherCachesBelow()));
            assertThatThrownBy(() -> reconfiguring.get(300, TimeUnit.MILLISECONDS))
                    .isInstanceOf(TimeoutException.class);

            reading.release();

            writing.join();
            reconfiguring.join();
            assertThat(TestImages.read(image, 99, 3)).containsExactly(7, 9, 7);
        }
    }

    private static void createChain(Path base, Path overlay) throws IOException {
        CreateOptions plain = CreateOptions.qcow2(4L * CLUSTER);
        ImageCreator.create(base, plain, TestEnvironments.plain());
        byte[] sevens = new byte[CLUSTER];
        Arrays.fill(sevens, (byte) 7);
        try (DiskImage image = TestImages.open(base)) {
            TestImages.write(image, 0, sevens);
        }
        CreateOptions over = new CreateOptions(
                ImageFormat.QCOW2, null, CLUSTER, "base.qcow2", ImageFormat.QCOW2, 16, plain.compressionType(), 3);
        ImageCreator.create(overlay, over, TestEnvironments.plain());
    }

    private static ImageOptions otherCachesBelow() {
        ImageOptions defaults = ImageOptions.defaults();
        ImageOptions below = TestImages.withCaches(new CacheOptions(1024L, 512L, null, null), true);
        return new ImageOptions(
                defaults.format(),
                false,
                defaults.caches(),
                defaults.cacheCleanIntervalSeconds(),
                defaults.discard(),
                null,
                below);
    }
}
