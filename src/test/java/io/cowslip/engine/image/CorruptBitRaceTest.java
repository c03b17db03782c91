package io.cowslip.engine.image;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;

import io.cowslip.engine.ImageException;
import io.cowslip.engine.image.options.ImageOptions;
import io.cowslip.testing.Background;
import io.cowslip.testing.HeldOperations;
import io.cowslip.testing.NeedsQemu;
import io.cowslip.testing.QemuTools;
import io.cowslip.testing.TestImages;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.atomic.AtomicReference;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** A reader that finds the metadata corrupt marks the image so, whatever else is being written to the header. */
@NeedsQemu
@Timeout(60)
final class CorruptBitRaceTest {
    private static final int CLUSTER = 512;
    private static final int DISK = 64 << 10;
    private static final int L1_TABLE = 40;
    private static final int INCOMPATIBLE_FEATURES = 72;
    private static final int CORRUPT = 2;
    private static final long OFFSET_MASK = 0x00FF_FFFF_FFFF_FE00L;
    private static final long RESERVED_BIT = 1L << 56;

    /** So long that there is no room for a copy of it, and the first bitmap takes a write of the whole header. */
    private static final String BASE = "b".repeat(200);

    @TempDir
    Path folder;

    @Test
    void noWriteForABitmapLosesTheMark() throws Exception {
        int held = 0;
        while (marksBesideWrite(held)) {
            held++;
        }
        assertThat(held).as("writes that a bitmap took").isGreaterThan(3);
    }

    /** False where making a bitmap takes no more than {@code skipped} writes. */
    private boolean marksBesideWrite(int skipped) throws Exception {
        Path file = damagedImage();
        HeldOperations files = new HeldOperations(file);
        DiskImage image = DiskImage.open(file, ImageOptions.defaults(), TestImages.environment(files));
        HeldOperations.Hold hold = files.holdAfter(skipped, HeldOperations.Kind.WRITE);
        CompletableFuture<Void> bitmap = Background.run(() -> image.bitmaps().create("changes", 4096, true));
        await().until(() -> hold.isReached() || bitmap.isDone());
        boolean reached = hold.isReached();
        if (!reached) {
            hold.release();
        }
        AtomicReference<Thread> reader = new AtomicReference<>();
        CompletableFuture<Void> read = Background.run(() -> findCorruption(image), reader::set);
        awaitBlockedOrDone(reader.get(), read);
        hold.release();
        read.join();
        // It may have been made before the mark, or not.
        bitmap.handle((done, refused) -> done).join();
        assertThatThrownBy(image::close).isInstanceOf(ImageException.class);
        assertThat(ByteBuffer.wrap(Files.readAllBytes(file)).getLong(INCOMPATIBLE_FEATURES) & CORRUPT)
                .as("beside write %s", skipped)
                .isEqualTo(CORRUPT);
        return reached;
    }

    private static void findCorruption(DiskImage image) {
        assertThatThrownBy(() -> TestImages.read(image, 0, CLUSTER)).isInstanceOf(ImageException.class);
    }

    private static void awaitBlockedOrDone(Thread thread, CompletableFuture<Void> done) {
        await().until(() -> done.isDone() || thread.getState() == Thread.State.BLOCKED);
    }

    /** An image whose first L2 entry has a bit set that must be 0. */
    private Path damagedImage() throws IOException {
        Path base = folder.resolve(BASE);
        Files.write(base, new byte[DISK]);
        Path file = folder.resolve("image.qcow2");
        Files.deleteIfExists(file);
        QemuTools.createOver(file, BASE, "raw", DISK, "cluster_size=" + CLUSTER);
        QemuTools.edit(file, "write -P 1 0 512");
        ByteBuffer bytes = ByteBuffer.wrap(Files.readAllBytes(file));
        long l2Table = bytes.getLong((int) bytes.getLong(L1_TABLE)) & OFFSET_MASK;
        try (RandomAccessFile image = new RandomAccessFile(file.toFile(), "rw")) {
            image.seek(l2Table);
            image.writeLong(bytes.getLong((int) l2Table) | RESERVED_BIT);
        }
        return file;
    }
}
