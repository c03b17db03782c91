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
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Arrays;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** L2 entries that no image can have are refused by every change that meets them, and their neighbours keep their bytes. */
final class UnsoundEntriesTest {
    private static final int CLUSTER = 65536;
    private static final long COPIED = 1L << 63;

    @TempDir
    Path folder;

    private Path file;
    private long secondEntry;

    /** Cluster 0 is free; 1 to 3 hold their numbers. */
    @BeforeEach
    void create() throws IOException {
        file = folder.resolve("image.qcow2");
        ImageCreator.create(file, CreateOptions.qcow2(16 * CLUSTER), TestEnvironments.plain());
        try (DiskImage image = TestImages.open(file)) {
            for (int cluster = 1; cluster < 4; cluster++) {
                byte[] bytes = new byte[CLUSTER];
                Arrays.fill(bytes, (byte) cluster);
                TestImages.write(image, (long) cluster * CLUSTER, bytes);
            }
        }
        secondEntry = (number(number(40)) & 0x00FF_FFFF_FFFF_FE00L) + 8;
    }

    @ParameterizedTest
    @ValueSource(longs = {0x8000, 1L << 56, 1L << 60})
    void discardLeavesTheNeighbourAlone(long damage) throws IOException {
        damage(damage);
        assertCorrupt(image -> image.discard(CLUSTER, CLUSTER));
    }

    @ParameterizedTest
    @ValueSource(longs = {0x8000, 1L << 56, 1L << 60})
    void zeroLeavesTheNeighbourAlone(long damage) throws IOException {
        damage(damage);
        assertCorrupt(image -> image.zero(CLUSTER, CLUSTER));
    }

    @ParameterizedTest
    @ValueSource(longs = {0x8000, 1L << 56, 1L << 60})
    void aWriteThatRunsIntoItLeavesTheNeighbourAlone(long damage) throws IOException {
        damage(damage);
        assertCorrupt(image -> TestImages.write(image, 0, new byte[2 * CLUSTER]));
    }

    @FunctionalInterface
    private interface Change {
        void make(DiskImage image) throws IOException;
    }

    private void assertCorrupt(Change change) throws IOException {
        try (DiskImage image = TestImages.open(file)) {
            assertThatThrownBy(() -> change.make(image))
                    .isInstanceOfSatisfying(
                            ImageException.class,
                            refusal -> assertThat(refusal.kind()).isEqualTo(ImageException.Kind.CORRUPT));
            assertThatThrownBy(image::close).hasMessageContaining("takes no writes since an earlier failure");
        }
        try (DiskImage image = TestImages.openReadOnly(file)) {
            byte[] neighbours = TestImages.read(image, 2 * CLUSTER, 2 * CLUSTER);
            assertThat(neighbours[0]).isEqualTo((byte) 2);
            assertThat(neighbours[CLUSTER]).isEqualTo((byte) 3);
        }
    }

    private void damage(long bits) throws IOException {
        ByteBuffer entry = ByteBuffer.allocate(8).putLong(0, (number(secondEntry) | bits) & ~COPIED);
        try (FileChannel channel = FileChannel.open(file, StandardOpenOption.WRITE)) {
            channel.write(entry, secondEntry);
        }
    }

    private long number(long offset) throws IOException {
        try (FileChannel channel = FileChannel.open(file)) {
            ByteBuffer bytes = ByteBuffer.allocate(8);
            channel.read(bytes, offset);
            return bytes.getLong(0);
        }
    }
}
