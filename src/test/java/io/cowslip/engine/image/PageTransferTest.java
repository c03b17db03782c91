package io.cowslip.engine.image;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import io.cowslip.engine.ImageException;
import io.cowslip.engine.image.options.ImageFormat;
import io.cowslip.engine.image.options.ImageOptions;
import io.cowslip.testing.Background;
import io.cowslip.testing.Loopback;
import io.cowslip.testing.TestImages;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Objects;
import java.util.Random;
import java.util.concurrent.CompletableFuture;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** Which images give their pages away, and that none becomes writable before those have arrived. */
@Timeout(60)
final class PageTransferTest {
    private static final int DISK_BYTES = 1 << 20;

    @TempDir
    Path folder;

    private final byte[] content = new byte[DISK_BYTES];
    private Path raw;
    private Loopback connection;

    @BeforeEach
    void prepare() throws IOException {
        new Random(3).nextBytes(content);
        raw = Files.write(folder.resolve("disk.raw"), content);
        connection = Loopback.connect("127.0.0.1");
    }

    @AfterEach
    void disconnect() throws IOException {
        connection.close();
    }

    private static ImageOptions options(boolean readOnly) {
        return ImageOptions.defaults().withFormat(ImageFormat.RAW).withReadOnly(readOnly);
    }

    private DiskImage open(boolean readOnly) throws IOException {
        return DiskImage.open(raw, options(readOnly), TestEnvironments.plain());
    }

    private PageTransfer transfer(DiskImage image) throws IOException {
        return Objects.requireNonNull(image.pageTransfer(connection.server()));
    }

    @Test
    void aReadOnlyImageGivesItsPages() throws IOException {
        try (DiskImage image = open(true);
                PageTransfer transfer = transfer(image)) {
            assertThat(transfer.transfer(1000, 1, 5000)).isEqualTo(5000);
            assertThat(transfer.undeliveredBytes()).isEqualTo(5000);
            assertThat(connection.receive(5000)).isEqualTo(Arrays.copyOfRange(content, 1000, 6000));
            assertThat(transfer.undeliveredBytes()).isZero();
            assertThatExceptionOfType(ImageException.class)
                    .isThrownBy(() -> transfer.transfer(DISK_BYTES - 1, 1, 2))
                    .matches(refused -> refused.kind() == ImageException.Kind.OUT_OF_RANGE);
        }
    }

    @Test
    void oneThatWasWritableDoesNot() throws IOException {
        try (DiskImage image = open(false)) {
            assertThat(image.pageTransfer(connection.server())).isNull();
            image.reconfigure(options(true));
            assertThat(image.pageTransfer(connection.server())).isNull();
        }
    }

    @Test
    void whatIsToBecomeWritableWaitsForItsPages() throws Exception {
        try (DiskImage image = open(true);
                PageTransfer transfer = transfer(image)) {
            assertThat(transfer.transfer(0, 1, 5000)).isEqualTo(5000);
            CompletableFuture<Void> change = Background.run(() -> image.reconfigure(options(false)));
            while (!transfer.isEnding()) {
                Thread.onSpinWait();
            }
            assertThat(transfer.transfer(0, 1, 10)).isEqualTo(PageTransfer.NOT_TRANSFERABLE);
            assertThat(image.pageTransfer(connection.server())).isNull();
            assertThat(image.readOnly()).isTrue();
            assertThat(change).isNotDone();

            connection.receive(5000);
            transfer.close();
            change.get();
            TestImages.write(image, 0, new byte[] {1});
            assertThat(image.pageTransfer(connection.server())).isNull();
        }
    }

    /** Closed twice, as try-with-resources may do, a transfer must not end another one. */
    @Test
    void eachTransferEndsOnce() throws Exception {
        try (DiskImage image = open(true);
                PageTransfer first = transfer(image);
                PageTransfer second = transfer(image)) {
            first.close();
            first.close();
            CompletableFuture<Void> change = Background.run(() -> image.reconfigure(options(false)));
            while (!second.isEnding()) {
                Thread.onSpinWait();
            }
            assertThat(image.readOnly()).isTrue();
            second.close();
            change.get();
        }
    }

    @Test
    void whatIsRefusedToBecomeWritableGoesOnGivingPages() throws IOException {
        try (DiskImage image = open(true);
                DiskImage other = open(true)) {
            assertThatExceptionOfType(ImageException.class)
                    .isThrownBy(() -> image.reconfigure(options(false)))
                    .matches(refused -> refused.kind() == ImageException.Kind.BUSY);
            try (PageTransfer transfer = transfer(image)) {
                assertThat(transfer.transfer(0, 1, 10)).isEqualTo(10);
            }
            assertThat(other.readOnly()).isTrue();
        }
    }
}
