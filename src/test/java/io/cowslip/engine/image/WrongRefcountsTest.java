package io.cowslip.engine.image;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.cowslip.engine.ImageException;
import io.cowslip.engine.image.create.ImageCreator;
import io.cowslip.engine.image.options.CreateOptions;
import io.cowslip.testing.TestImages;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Arrays;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Images whose refcounts call clusters free that hold the header or a table: nothing may be written over those. */
final class WrongRefcountsTest {
    private static final int REFCOUNT_TABLE_OFFSET = 48;
    private static final int CORRUPT_BYTE = 79;

    @TempDir
    Path folder;

    @Test
    void aMissingFirstBlockDoesNotCostTheHeader() throws IOException {
        Path file = create();
        long table = number(file, REFCOUNT_TABLE_OFFSET);
        overwrite(file, table, ByteBuffer.allocate(8));

        assertWriteIsRefusedAndChangesNothing(file, "header");
    }

    @Test
    void aZeroedBlockDoesNotCostTheTables() throws IOException {
        Path file = create();
        long block = number(file, number(file, REFCOUNT_TABLE_OFFSET));
        overwrite(file, block, ByteBuffer.allocate(512));

        assertWriteIsRefusedAndChangesNothing(file, "calls it free");
    }

    /** Or else one write would look through as many counts as the table claims to have. */
    @Test
    void aBlockThatIsNamedTwiceIsRefusedForWriting() throws IOException {
        Path file = create();
        long table = number(file, REFCOUNT_TABLE_OFFSET);
        overwrite(file, table + 8, ByteBuffer.allocate(8).putLong(0, number(file, table)));

        assertThatThrownBy(() -> TestImages.open(file)).hasMessageContaining("twice");
        try (DiskImage image = TestImages.openReadOnly(file)) {
            assertThat(TestImages.read(image, 0, 1)).containsExactly(0);
        }
    }

    @Test
    void aBlockOutsideOfTheFileIsRefusedForWriting() throws IOException {
        Path file = create();
        overwrite(
                file,
                number(file, REFCOUNT_TABLE_OFFSET) + 8,
                ByteBuffer.allocate(8).putLong(0, 1L << 40));

        assertThatThrownBy(() -> TestImages.open(file)).hasMessageContaining("does not lie in the file");
    }

    /** A count of 64 bits that cannot be right. */
    @Test
    void aCountBeyondAllReasonIsCorruption() throws IOException {
        Path file = folder.resolve("wide.qcow2");
        CreateOptions plain = CreateOptions.qcow2(1 << 20);
        ImageCreator.create(
                file,
                new CreateOptions(
                        plain.format(), plain.virtualSizeBytes(), 65536, null, null, 64, plain.compressionType(), 3),
                TestEnvironments.plain());
        try (DiskImage image = TestImages.open(file)) {
            TestImages.write(image, 0, new byte[] {1});
        }
        long dataCluster = lastCounted(file);
        overwrite(file, dataCluster, ByteBuffer.allocate(8).putLong(0, -5));
        try (DiskImage image = TestImages.open(file)) {
            image.discard(0, 65536);
            assertThatThrownBy(image::flush).hasMessageContaining("refcount of 18446744073709551611");
            assertThatThrownBy(image::close).hasMessageContaining("takes no writes since an earlier failure");
        }
    }

    /** Where the count of the last cluster in use stands. */
    private static long lastCounted(Path file) throws IOException {
        long block = number(file, number(file, REFCOUNT_TABLE_OFFSET));
        long offset = block;
        while (number(file, offset + 8) != 0) {
            offset += 8;
        }
        return offset;
    }

    private Path create() throws IOException {
        Path file = folder.resolve("image.qcow2");
        ImageCreator.create(file, CreateOptions.qcow2(1 << 20), TestEnvironments.plain());
        return file;
    }

    private static void assertWriteIsRefusedAndChangesNothing(Path file, String saying) throws IOException {
        byte[] before = Files.readAllBytes(file);
        try (DiskImage image = TestImages.open(file)) {
            assertThatThrownBy(() -> TestImages.write(image, 0, new byte[] {1}))
                    .isInstanceOfSatisfying(ImageException.class, refusal -> {
                        assertThat(refusal.kind()).isEqualTo(ImageException.Kind.CORRUPT);
                        assertThat(refusal).hasMessageContaining(saying);
                    });
            assertThatThrownBy(() -> TestImages.write(image, 0, new byte[] {1}))
                    .hasMessageContaining("takes no writes since an earlier failure");
            assertThat(TestImages.read(image, 0, 1)).containsExactly(0);
            assertThatThrownBy(image::close).hasMessageContaining("takes no writes since an earlier failure");
        }
        byte[] after = Files.readAllBytes(file);
        assertThat(after[CORRUPT_BYTE]).isEqualTo((byte) 2);
        after[CORRUPT_BYTE] = 0;
        assertThat(Arrays.mismatch(before, after)).isIn(-1, before.length);
    }

    private static long number(Path file, long offset) throws IOException {
        try (FileChannel channel = FileChannel.open(file)) {
            ByteBuffer bytes = ByteBuffer.allocate(8);
            channel.read(bytes, offset);
            return bytes.getLong(0);
        }
    }

    private static void overwrite(Path file, long offset, ByteBuffer bytes) throws IOException {
        try (FileChannel channel = FileChannel.open(file, StandardOpenOption.WRITE)) {
            channel.write(bytes, offset);
        }
    }
}
