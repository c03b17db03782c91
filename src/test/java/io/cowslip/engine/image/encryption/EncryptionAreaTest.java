package io.cowslip.engine.image.encryption;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.cowslip.engine.ImageException;
import io.cowslip.engine.format.EncryptionArea;
import io.cowslip.engine.format.ImageHeader;
import io.cowslip.engine.host.HostFiles;
import io.cowslip.engine.image.DiskImage;
import io.cowslip.testing.EncryptedImages;
import io.cowslip.testing.ImageBytes;
import io.cowslip.testing.TestImages;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Objects;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The keys of an image, without which all of its disk is lost, are metadata as well. */
final class EncryptionAreaTest {
    private static final int CLUSTER = 4096;

    @TempDir
    Path folder;

    @Test
    void aGuestDoesNotWriteOverTheKeys() throws IOException {
        Path file = EncryptedImages.make(folder.resolve("image"), 16 * CLUSTER, CLUSTER, "xts", null);
        write(file);
        EncryptionArea area = area(file);
        ImageBytes bytes = new ImageBytes(file);
        bytes.put(bytes.l2Entry(0), area.hostOffset() | ImageBytes.COPIED);
        ByteBuffer before = bytes.bytes(area.hostOffset(), (int) area.lengthBytes());

        assertThatThrownBy(() -> write(file))
                .isInstanceOfSatisfying(
                        ImageException.class,
                        refused -> assertThat(refused.kind()).isEqualTo(ImageException.Kind.CORRUPT))
                .hasMessageContaining("would hit the header");

        assertThat(bytes.bytes(area.hostOffset(), (int) area.lengthBytes())).isEqualTo(before);
        assertThat(bytes.number(ImageBytes.INCOMPATIBLE)).isEqualTo(2);
    }

    /** Nor is it given to anybody where its count says that it is free. */
    @Test
    void theKeysAreNotGivenOut() throws IOException {
        Path file = EncryptedImages.make(folder.resolve("image"), 16 * CLUSTER, CLUSTER, "xts", null);
        EncryptionArea area = area(file);
        ImageBytes bytes = new ImageBytes(file);
        bytes.putRefcount(area.hostOffset(), 0);
        ByteBuffer before = bytes.bytes(area.hostOffset(), (int) area.lengthBytes());

        assertThatThrownBy(() -> write(file)).hasMessageContaining("its refcount calls it free");

        assertThat(bytes.bytes(area.hostOffset(), (int) area.lengthBytes())).isEqualTo(before);
    }

    private static void write(Path file) throws IOException {
        try (DiskImage image =
                DiskImage.open(file, EncryptedImages.options(), TestImages.environment(HostFiles.posix()))) {
            TestImages.write(image, 0, TestImages.filled(CLUSTER, 7));
        }
    }

    private static EncryptionArea area(Path file) throws IOException {
        byte[] all = Files.readAllBytes(file);
        return Objects.requireNonNull(
                ImageHeader.parse(MemorySegment.ofArray(all), all.length).encryptionArea(all.length));
    }
}
