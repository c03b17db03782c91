package io.cowslip.engine.image.bitmap;

import static org.assertj.core.api.Assertions.assertThat;

import io.cowslip.engine.host.HostFiles;
import io.cowslip.engine.image.DiskImage;
import io.cowslip.engine.image.create.ImageCreator;
import io.cowslip.engine.image.options.CreateOptions;
import io.cowslip.engine.image.options.Preallocation;
import io.cowslip.engine.work.WorkObserver;
import io.cowslip.testing.Background;
import io.cowslip.testing.TestImages;
import java.io.IOException;
import java.nio.file.Path;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.atomic.AtomicBoolean;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Whoever reads bitmaps waits for metadata to rest, and never for somebody who waits for it. */
@Timeout(value = 60, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
class BitmapReadsBesideTest {
    private static final int CLUSTER = 1 << 16;
    private static final long DISK = 64L * CLUSTER;
    private static final int ROUNDS = 40;
    private static final int READERS = 2;

    @TempDir
    private Path folder;

    /** What waits until nobody uses the clusters that were freed. */
    private enum Settling {
        CHECK {
            @Override
            void take(DiskImage image) throws IOException {
                assertThat(image.check(WorkObserver.NONE).corruptions()).isZero();
            }
        },
        SNAPSHOT {
            @Override
            void take(DiskImage image) throws IOException {
                image.snapshots().create("s", 0, 0);
                image.snapshots().delete("s");
            }
        },
        SHRINK {
            @Override
            void take(DiskImage image) throws IOException {
                image.resize(DISK - CLUSTER, true, Preallocation.OFF);
                image.resize(DISK, true, Preallocation.OFF);
            }
        };

        abstract void take(DiskImage image) throws IOException;
    }

    @ParameterizedTest
    @EnumSource(Settling.class)
    void goesOn(Settling settling) throws IOException {
        Path file = folder.resolve("image");
        ImageCreator.create(file, CreateOptions.qcow2(DISK), TestImages.environment(HostFiles.posix()));
        AtomicBoolean ends = new AtomicBoolean();
        try (DiskImage image = TestImages.open(file)) {
            image.bitmaps().create("marks", CLUSTER, true);
            CompletableFuture<?>[] readers = new CompletableFuture<?>[READERS];
            for (int reader = 0; reader < READERS; reader++) {
                readers[reader] = Background.run(() -> {
                    while (!ends.get()) {
                        assertThat(image.bitmaps().list()).hasSize(1);
                    }
                });
            }
            for (int round = 0; round < ROUNDS; round++) {
                TestImages.write(image, 0, TestImages.filled(CLUSTER, 1));
                image.discard(0, CLUSTER);
                settling.take(image);
            }
            ends.set(true);
            CompletableFuture.allOf(readers).join();
        }
    }
}
