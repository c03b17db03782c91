package io.cowslip.engine.format;

import static org.assertj.core.api.Assertions.assertThat;

import io.cowslip.testing.NeedsQemu;
import io.cowslip.testing.QemuTools;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Objects;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;
import tools.jackson.databind.JsonNode;

/** Headers that qemu-img wrote are understood, and written again byte for byte. */
@NeedsQemu
class ImageHeaderQemuTest {
    private static final long SIZE_BYTES = 64L << 20;

    @TempDir
    Path folder;

    static Stream<Arguments> versionsAndClusters() {
        return IntStream.rangeClosed(9, 21)
                .boxed()
                .flatMap(clusterBits ->
                        Stream.of(Arguments.of("0.10", 2, clusterBits), Arguments.of("1.1", 3, clusterBits)));
    }

    @ParameterizedTest
    @MethodSource("versionsAndClusters")
    void everyVersionAndClusterSize(String compat, int version, int clusterBits) throws IOException {
        Path image = QemuTools.create(
                folder.resolve("image"), SIZE_BYTES, "compat=" + compat + ",cluster_size=" + (1 << clusterBits));

        ImageHeader header = parse(image);

        assertThat(header.version()).isEqualTo(version);
        assertThat(header.clusterBits()).isEqualTo(clusterBits);
        assertThat(header.virtualSizeBytes()).isEqualTo(SIZE_BYTES);
        assertThat(header.refcountBits()).isEqualTo(16);
        assertThat(header.l1Entries()).isEqualTo(header.geometry().l1EntriesNeeded());
        header.requireSupported(true);
        assertWritesTheSame(image, header);
    }

    @ParameterizedTest
    @ValueSource(ints = {1, 2, 4, 8, 16, 32, 64})
    void everyRefcountWidth(int refcountBits) throws IOException {
        Path image = QemuTools.create(folder.resolve("image"), SIZE_BYTES, "refcount_bits=" + refcountBits);

        assertThat(parse(image).refcountBits()).isEqualTo(refcountBits);
    }

    @ParameterizedTest
    @CsvSource({"512, 0.10", "512, 1.1", "65536, 0.10", "65536, 1.1", "2097152, 1.1"})
    void aBackingFile(int clusterBytes, String compat) throws IOException {
        QemuTools.create(folder.resolve("base"), SIZE_BYTES, "");
        Path image = QemuTools.createOver(
                folder.resolve("image"), "base", "qcow2", -1, "compat=" + compat + ",cluster_size=" + clusterBytes);

        ImageHeader header = parse(image);

        assertThat(header.backingName()).isEqualTo("base");
        assertThat(header.backingFormat()).isEqualTo("qcow2");
        assertWritesTheSame(image, header);
    }

    @Test
    void zstdAndLazyRefcounts() throws IOException {
        Path image = QemuTools.create(folder.resolve("image"), SIZE_BYTES, "compression_type=zstd,lazy_refcounts=on");

        ImageHeader header = parse(image);

        assertThat(header.compressionType()).isEqualTo(ImageHeader.COMPRESSION_ZSTD);
        assertThat(header.features().lazyRefcounts()).isTrue();
        header.requireSupported(true);
        assertWritesTheSame(image, header);
    }

    @Test
    void extendedL2() throws IOException {
        Path image = QemuTools.create(folder.resolve("image"), SIZE_BYTES, "extended_l2=on");

        assertThat(parse(image).geometry().l2EntryBytes()).isEqualTo(16);
    }

    @Test
    void anEmptyDisk() throws IOException {
        Path image = QemuTools.create(folder.resolve("image"), 0, "");

        assertThat(parse(image).l1Entries()).isZero();
    }

    @Test
    void anInternalSnapshotIsCounted() throws IOException {
        Path image = QemuTools.create(folder.resolve("image"), SIZE_BYTES, "");
        QemuTools.img("snapshot", "-c", "before", image.toString()).succeeded();

        assertThat(parse(image).snapshotCount()).isEqualTo(1);
    }

    /** Bitmaps that are marked as in use leave the image sound, and QEMU distrusts them. */
    @Test
    void writingAnImageWithBitmapsLeavesItSound() throws IOException {
        Path image = QemuTools.create(folder.resolve("image"), SIZE_BYTES, "");
        QemuTools.edit(image, "write 0 1M");
        QemuTools.img("bitmap", "--add", image.toString(), "backup").succeeded();
        QemuTools.img("bitmap", "--add", "-g", "4096", image.toString(), "more").succeeded();
        ImageHeader header = parse(image);
        assertThat(header.features().autoclear()).isEqualTo(Features.BITMAPS);

        markBitmapsInUse(image, header);
        overwrite(image, 0, header.forWriting().toBytes());

        QemuTools.CheckResult check = QemuTools.check(image);
        assertThat(check.clean()).as(check.details()).isTrue();
        JsonNode bitmaps = QemuTools.info(image).at("/format-specific/data/bitmaps");
        assertThat(bitmaps.size()).isEqualTo(2);
        assertThat(bitmaps)
                .allSatisfy(
                        bitmap -> assertThat(bitmap.path("flags").toString()).contains("in-use"));
        QemuTools.edit(image, "write 2M 1M", "read 0 3M");
        assertThat(QemuTools.check(image).clean()).isTrue();
    }

    private static void markBitmapsInUse(Path image, ImageHeader header) throws IOException {
        byte[] file = Files.readAllBytes(image);
        BitmapDirectory directory = Objects.requireNonNull(header.bitmapDirectory(file.length));
        assertThat(directory.count()).isEqualTo(2);
        int start = (int) directory.hostOffset();
        byte[] entries = Arrays.copyOfRange(file, start, start + directory.sizeBytes());
        List<BitmapEntry> marked = directory.entries(MemorySegment.ofArray(entries)).stream()
                .map(bitmap -> bitmap.withFlags(bitmap.flags() | BitmapEntry.IN_USE))
                .toList();
        overwrite(image, directory.hostOffset(), BitmapDirectory.toBytes(marked));
    }

    private static void assertWritesTheSame(Path image, ImageHeader header) throws IOException {
        byte[] written = header.toBytes();
        assertThat(written).isEqualTo(Arrays.copyOf(Files.readAllBytes(image), written.length));
    }

    private static ImageHeader parse(Path image) throws IOException {
        byte[] file = Files.readAllBytes(image);
        byte[] start = Arrays.copyOf(file, Math.min(file.length, HeaderLayout.MAX_BYTES_READ));
        return ImageHeader.parse(MemorySegment.ofArray(start), file.length);
    }

    private static void overwrite(Path image, long hostOffset, byte[] bytes) throws IOException {
        try (RandomAccessFile file = new RandomAccessFile(image.toFile(), "rw")) {
            file.seek(hostOffset);
            file.write(bytes);
        }
    }
}
