package io.cowslip.engine.image;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.cowslip.engine.ImageException;
import io.cowslip.engine.cache.CacheOptions;
import io.cowslip.engine.host.HostFile;
import io.cowslip.engine.host.HostFiles;
import io.cowslip.engine.host.ImageLock;
import io.cowslip.engine.image.create.ImageCreator;
import io.cowslip.engine.image.options.CreateOptions;
import io.cowslip.engine.image.options.ImageFormat;
import io.cowslip.engine.image.options.ImageOptions;
import io.cowslip.testing.TestImages;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** An open image becomes writable, and read-only, while it is open; what is refused leaves it as it was. */
final class ReadOnlySwitchTest {
    private static final int DISK_BYTES = 4 << 20;

    @TempDir
    Path folder;

    private Path file;

    @BeforeEach
    void create() throws IOException {
        file = create("image.qcow2");
    }

    private Path create(String name) throws IOException {
        Path created = folder.resolve(name);
        ImageCreator.create(created, CreateOptions.qcow2(DISK_BYTES), TestEnvironments.plain());
        return created;
    }

    @ParameterizedTest
    @EnumSource(
            value = ImageFormat.class,
            names = {"QCOW2", "RAW"})
    void whatWasOpenedForReadingBecomesWritable(ImageFormat format) throws IOException {
        if (format == ImageFormat.RAW) {
            Files.write(file, new byte[DISK_BYTES]);
        }
        ImageOptions readOnly = ImageOptions.defaults().withFormat(format).withReadOnly(true);
        try (DiskImage image = DiskImage.open(file, readOnly, TestEnvironments.plain())) {
            image.reconfigure(readOnly.withReadOnly(false));
            TestImages.write(image, 1000, new byte[] {1, 2, 3});
            image.flush();
            assertThat(TestImages.read(image, 1000, 3)).containsExactly(1, 2, 3);
        }
        try (DiskImage again = DiskImage.open(file, readOnly.withReadOnly(false), TestEnvironments.plain())) {
            assertThat(TestImages.read(again, 1000, 3)).containsExactly(1, 2, 3);
        }
    }

    @Test
    void itStaysReadOnlyWhileAnotherReads() throws IOException {
        try (DiskImage image = TestImages.openReadOnly(file)) {
            try (DiskImage other = TestImages.openReadOnly(file)) {
                assertRefused(image, ImageException.Kind.BUSY);
                assertThat(TestImages.read(other, 0, 1)).containsExactly(0);
            }
            assertThat(image.readOnly()).isTrue();
            assertThat(TestImages.read(image, 0, 1)).containsExactly(0);
            assertThatThrownBy(() -> TestImages.open(file)).hasMessageContaining("somebody else has the image");
        }
        TestImages.open(file).close();
    }

    @Test
    void itStaysReadOnlyWhenTheImageMayNotBeWritten() throws IOException {
        byte[] header = Files.readAllBytes(file);
        header[79] |= 2;
        Files.write(file, header);
        try (DiskImage image = TestImages.openReadOnly(file)) {
            assertRefused(image, ImageException.Kind.UNSUPPORTED_FEATURE);
            assertThat(TestImages.read(image, 0, 1)).containsExactly(0);
        }
        try (HostFile free = HostFiles.posix().open(file, HostFiles.Mode.READ_WRITE)) {
            free.lock(ImageLock.WRITER);
        }
    }

    @Test
    void anotherFileUnderTheNameIsNotTakenForTheImage() throws IOException {
        Path other = create("other.qcow2");
        try (DiskImage image = TestImages.openReadOnly(file)) {
            Files.move(other, file, StandardCopyOption.REPLACE_EXISTING);
            assertRefused(image, ImageException.Kind.BUSY);
            assertThat(TestImages.read(image, 0, 1)).containsExactly(0);
        }
        TestImages.open(file).close();
    }

    @Test
    void aReadOnlyImageChangesNoMore() throws IOException {
        try (DiskImage image = TestImages.open(file)) {
            TestImages.write(image, 0, new byte[DISK_BYTES]);
            image.flush();
            image.discard(0, DISK_BYTES);
            image.reconfigure(TestImages.withCaches(CacheOptions.DEFAULTS, true));
            byte[] settled = Files.readAllBytes(file);

            image.flush();
            image.flush();
            image.close();

            assertThat(Files.readAllBytes(file)).isEqualTo(settled);
        }
    }

    private static void assertRefused(DiskImage image, ImageException.Kind kind) {
        ImageOptions writable = TestImages.withCaches(CacheOptions.DEFAULTS, false);
        assertThatThrownBy(() -> image.reconfigure(writable))
                .isInstanceOfSatisfying(
                        ImageException.class,
                        refusal -> assertThat(refusal.kind()).isEqualTo(kind));
    }
}
