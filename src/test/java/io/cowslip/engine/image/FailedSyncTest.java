package io.cowslip.engine.image;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.cowslip.engine.ImageException;
import io.cowslip.engine.host.HostFile;
import io.cowslip.engine.host.HostFiles;
import io.cowslip.engine.image.create.ImageCreator;
import io.cowslip.engine.image.options.CreateOptions;
import io.cowslip.engine.image.options.ImageFormat;
import io.cowslip.engine.image.options.ImageOptions;
import io.cowslip.testing.FaultyHostFiles;
import io.cowslip.testing.HostPageCache;
import io.cowslip.testing.TestImages;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/**
 * A kernel that could not write pages out says so once, and takes them for written from then on: the next sync would
 * succeed, and who reads gets what the disk never got.
 */
final class FailedSyncTest {
    private static final int LENGTH = 1 << 20;

    @TempDir
    Path folder;

    @ParameterizedTest
    @EnumSource(names = {"QCOW2", "RAW"})
    void noLaterOneIsBelievedAndTheNextOpeningReadsTheDisk(ImageFormat format) throws IOException {
        assumeTrue(HostPageCache.canBeSeen(), "fincore or dd is missing");
        assumeTrue(!Files.getFileStore(folder).type().equals("tmpfs"), "the folder for temporary files is in memory");
        FaultyHostFiles files = new FaultyHostFiles(HostFiles.posix());
        Path file = folder.resolve("image");
        if (format == ImageFormat.QCOW2) {
            ImageCreator.create(file, CreateOptions.qcow2(4L * LENGTH), TestImages.environment(files));
        } else {
            Files.write(file, new byte[4 * LENGTH]);
        }
        ImageOptions options = ImageOptions.defaults().withFormat(format);
        DiskImage image = DiskImage.open(file, options, TestImages.environment(files));
        TestImages.write(image, 0, TestImages.filled(LENGTH, 1));
        image.flush();
        TestImages.write(image, 0, TestImages.filled(LENGTH, 2));
        files.failAfter(0, 1, ImageException.Kind.IO);
        fails(image::flush);
        files.heal();

        fails(image::flush);
        fails(() -> TestImages.write(image, 0, new byte[512]));
        assertThat(TestImages.read(image, 0, LENGTH)).isEqualTo(TestImages.filled(LENGTH, 2));
        try (HostFile written = HostFiles.posix().open(file, HostFiles.Mode.READ_WRITE)) {
            written.sync();
        }
        assertThat(HostPageCache.residentBytes(file)).isGreaterThanOrEqualTo(LENGTH);
        fails(image::close);
        assertThat(HostPageCache.residentBytes(file)).isZero();
    }

    private static void fails(ThrowingCallable call) {
        assertThatExceptionOfType(ImageException.class)
                .isThrownBy(call)
                .satisfies(failure -> assertThat(failure.kind()).isEqualTo(ImageException.Kind.IO));
    }
}
