package io.cowslip.engine.image.bitmap;

import static org.assertj.core.api.Assertions.assertThat;

import io.cowslip.engine.ImageException;
import io.cowslip.engine.host.HostFiles;
import io.cowslip.engine.image.DiskImage;
import io.cowslip.engine.image.options.ImageOptions;
import io.cowslip.testing.FaultyHostFiles;
import io.cowslip.testing.NeedsQemu;
import io.cowslip.testing.QemuTools;
import io.cowslip.testing.TestImages;
import java.io.IOException;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * Bitmaps come and go on a host that refuses one read, whichever: what failed has changed nothing, the image takes writes,
 * and the same is done when it is asked for again, with no leak.
 */
@NeedsQemu
final class RefusedBitmapReadsTest {
    private static final int MOST_READS = 100;

    @TempDir
    Path folder;

    private final FaultyHostFiles files = new FaultyHostFiles(HostFiles.posix());

    @FunctionalInterface
    private interface Change {
        void make(DiskImage image) throws IOException;
    }

    @Test
    void theFirstBitmapComes() throws IOException {
        refuseEachRead(false, image -> image.bitmaps().create("one", 512, true));
    }

    @Test
    void anotherBitmapComes() throws IOException {
        refuseEachRead(true, image -> image.bitmaps().create("two", 512, true));
    }

    @Test
    void theLastBitmapGoes() throws IOException {
        refuseEachRead(true, image -> image.bitmaps().delete("one"));
    }

    private void refuseEachRead(boolean withBitmap, Change change) throws IOException {
        int refused = 0;
        boolean done = false;
        for (int read = 0; !done && read < MOST_READS; read++) {
            Path file = folder.resolve("image" + read);
            QemuTools.create(folder.resolve("base"), 1 << 20, "");
            QemuTools.createOver(file, "base", "qcow2", -1, "cluster_size=4096");
            if (withBitmap) {
                QemuTools.img("bitmap", "--add", "-g", "512", file.toString(), "one")
                        .succeeded();
            }
            try (DiskImage image = DiskImage.open(file, ImageOptions.defaults(), TestImages.environment(files))) {
                TestImages.write(image, 0, TestImages.filled(8192, 7));
                done = isDone(image, change, read);
                refused += done ? 0 : 1;
                TestImages.write(image, 4096, TestImages.filled(8192, 8));
            }
            QemuTools.CheckResult check = QemuTools.check(file);
            assertThat(check.clean())
                    .as("read " + read + ": " + check.details())
                    .isTrue();
        }
        assertThat(done).isTrue();
        assertThat(refused).isPositive();
    }

    /** Whether the change makes fewer reads than that. Where one was refused, it is made again. */
    private boolean isDone(DiskImage image, Change change, int reads) throws IOException {
        files.failReadAfter(reads);
        try {
            change.make(image);
            return true;
        } catch (ImageException refused) {
            assertThat(refused.kind()).isEqualTo(ImageException.Kind.IO);
            change.make(image);
            return false;
        } finally {
            files.heal();
        }
    }
}
