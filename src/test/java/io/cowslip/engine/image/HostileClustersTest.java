package io.cowslip.engine.image;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import com.github.luben.zstd.Zstd;
import com.sun.management.ThreadMXBean;
import io.cowslip.engine.ImageException;
import io.cowslip.engine.ImageException.Kind;
import io.cowslip.engine.image.create.ImageCreator;
import io.cowslip.engine.image.options.CreateOptions;
import io.cowslip.engine.image.options.CreateOptions.CompressionType;
import io.cowslip.engine.image.options.ImageFormat;
import io.cowslip.engine.image.options.ImageOptions;
import io.cowslip.testing.ImageBytes;
import io.cowslip.testing.TestImages;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.util.stream.Stream;
import java.util.zip.Deflater;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * Compressed clusters made to cost much or to say nothing: a reader is told that they are corrupt, never zeros, within a
 * cluster of memory. As in QEMU that marks no image, since its metadata is sound; a write that meets a table does.
 */
final class HostileClustersTest {
    private static final ThreadMXBean THREADS = (ThreadMXBean) ManagementFactory.getThreadMXBean();
    private static final int CLUSTER_BYTES = 4096;
    private static final long MOST_HEAP_BYTES = 256 << 10;

    /** The sector count of a compressed cluster's descriptor begins here (qcow2 specification, 4 KiB clusters). */
    private static final int SECTORS_SHIFT = 62 - (12 - 8);

    @TempDir
    Path folder;

    /** @param payload what the entry leads to */
    private record Bomb(String what, CompressionType type, byte[] payload) {
        @Override
        public String toString() {
            return what;
        }
    }

    static Stream<Bomb> bombs() {
        return Stream.of(
                new Bomb("deflate, short by a byte", CompressionType.ZLIB, deflated(CLUSTER_BYTES - 1)),
                new Bomb("deflate, of nothing", CompressionType.ZLIB, deflated(0)),
                new Bomb("deflate with a zlib header", CompressionType.ZLIB, new byte[] {0x78, (byte) 0x9c, 1, 2}),
                new Bomb("zstd, short by a byte", CompressionType.ZSTD, Zstd.compress(new byte[CLUSTER_BYTES - 1])),
                new Bomb("zstd, 8 MiB in one frame", CompressionType.ZSTD, Zstd.compress(new byte[8 << 20])),
                new Bomb("zstd, a window of 2 GiB", CompressionType.ZSTD, zstdFrame((byte) 0x00, (byte) 0xa8)),
                new Bomb("zstd, a size of 2^63", CompressionType.ZSTD, zstdFrame((byte) 0xe0, (byte) 0x7f)),
                new Bomb("zstd, nothing but skippable frames", CompressionType.ZSTD, skippable(40, 20)),
                new Bomb("zstd, a skippable frame of 4 GiB", CompressionType.ZSTD, skippable(1, -1)));
    }

    @ParameterizedTest
    @MethodSource("bombs")
    void isCorruptAndNoZeros(Bomb bomb) throws IOException {
        Path file = image(bomb.type());
        ImageBytes bytes = new ImageBytes(file);
        long place = ImageBytes.placeOf(bytes.l2(1));
        bytes.put(place, ByteBuffer.wrap(java.util.Arrays.copyOf(bomb.payload(), CLUSTER_BYTES)));
        bytes.put(bytes.l2Entry(0), ImageBytes.COMPRESSED | 7L << SECTORS_SHIFT | place);

        try (DiskImage image = TestImages.openReadOnly(file)) {
            assertThat(corrupt(image)).isNotNull();
            long before = THREADS.getCurrentThreadAllocatedBytes();
            ImageException failure = corrupt(image);
            assertThat(THREADS.getCurrentThreadAllocatedBytes() - before).isLessThan(MOST_HEAP_BYTES);
            assertThat(failure.kind()).isEqualTo(Kind.CORRUPT);
            assertThat(failure).hasMessageContaining("compressed cluster");
        }
    }

    /** An entry that leads to its own table, and two that lead into each other's data. */
    @Test
    void entriesThatLeadToTablesAndToEachOther() throws IOException {
        Path file = image(CompressionType.ZLIB);
        ImageBytes bytes = new ImageBytes(file);
        long table = bytes.l2Entry(0);
        bytes.put(table, ImageBytes.COMPRESSED | 7L << SECTORS_SHIFT | table);
        try (DiskImage image = TestImages.openReadOnly(file)) {
            assertThat(corrupt(image)).isNotNull();
        }
        bytes.put(table, ImageBytes.COPIED | (table & -CLUSTER_BYTES));
        try (DiskImage image = TestImages.open(file)) {
            assertThat(TestImages.read(image, 0, CLUSTER_BYTES)).isNotEmpty();
            ImageException refused = catchThrowableOfType(
                    ImageException.class, () -> TestImages.write(image, 0, TestImages.filled(512, 1)));
            assertThat(refused).isNotNull();
            assertThat(refused.kind()).isEqualTo(Kind.CORRUPT);
            assertThat(image.isCorrupt()).isTrue();
            assertThat(catchThrowableOfType(ImageException.class, image::close))
                    .hasMessageContaining("takes no writes since an earlier failure");
        }
        assertThat(catchThrowableOfType(
                        ImageException.class, () -> TestImages.open(file).close()))
                .hasMessageContaining("corrupt");
    }

    private static ImageException corrupt(DiskImage image) {
        return catchThrowableOfType(ImageException.class, () -> TestImages.read(image, 0, CLUSTER_BYTES));
    }

    private Path image(CompressionType type) throws IOException {
        Path file = folder.resolve("image");
        ImageCreator.create(
                file,
                new CreateOptions(ImageFormat.QCOW2, 1L << 20, CLUSTER_BYTES, null, null, 16, type, 3),
                TestEnvironments.plain());
        try (DiskImage image = DiskImage.open(file, ImageOptions.defaults(), TestEnvironments.plain())) {
            TestImages.write(image, CLUSTER_BYTES, TestImages.filled(CLUSTER_BYTES, 5));
        }
        return file;
    }

    private static byte[] deflated(int length) {
        Deflater deflater = new Deflater(9, true);
        deflater.setInput(new byte[length]);
        deflater.finish();
        byte[] packed = new byte[CLUSTER_BYTES];
        deflater.deflate(packed);
        deflater.end();
        return packed;
    }

    /** A frame's header with a descriptor of its sizes, and what follows it. */
    private static byte[] zstdFrame(byte descriptor, byte next) {
        byte[] frame = new byte[64];
        ByteBuffer.wrap(frame).putInt(0x28b5_2ffd).put(descriptor).put(next);
        for (int index = 6; index < 14; index++) {
            frame[index] = 0x7f;
        }
        return frame;
    }

    private static byte[] skippable(int frames, int lengthBytes) {
        ByteArrayOutputStream all = new ByteArrayOutputStream();
        for (int index = 0; index < frames; index++) {
            byte[] frame = new byte[8 + Math.max(0, lengthBytes)];
            ByteBuffer.wrap(frame).putInt(0x502a_4d18).putInt(Integer.reverseBytes(lengthBytes));
            all.writeBytes(frame);
        }
        return all.toByteArray();
    }
}
