package io.cowslip.engine.codec;

import static org.assertj.core.api.Assertions.assertThat;

import io.cowslip.engine.format.BigEndian;
import io.cowslip.engine.format.HeaderLayout;
import io.cowslip.engine.format.ImageHeader;
import io.cowslip.engine.format.L1Entry;
import io.cowslip.engine.format.L2Entry;
import io.cowslip.testing.NeedsQemu;
import io.cowslip.testing.QemuTools;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Random;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Every cluster of an image that {@code qemu-img convert -c} packed comes out as it went in. */
@NeedsQemu
class ClusterCodecQemuTest {
    private static final int DISK_BYTES = 4 << 20;

    @TempDir
    Path folder;

    @ParameterizedTest
    @CsvSource({
        "zlib, 512",
        "zlib, 4096",
        "zlib, 65536",
        "zlib, 2097152",
        "zstd, 512",
        "zstd, 4096",
        "zstd, 65536",
        "zstd, 2097152"
    })
    void decodesEveryClusterThatQemuPacked(String compression, int clusterBytes) throws IOException {
        byte[] disk = disk();
        Path raw = Files.write(folder.resolve("disk"), disk);
        Path image = QemuTools.convert(
                raw,
                "raw",
                folder.resolve("image"),
                "qcow2",
                "-c",
                "-o",
                "compression_type=" + compression + ",cluster_size=" + clusterBytes);

        try (Arena arena = Arena.ofConfined()) {
            MemorySegment file = arena.allocateFrom(ValueLayout.JAVA_BYTE, Files.readAllBytes(image));
            assertThat(decodeAll(file, disk, arena)).isGreaterThan(DISK_BYTES / clusterBytes / 3);
        }
    }

    /** Checks each compressed cluster against the disk and counts them. */
    private static int decodeAll(MemorySegment file, byte[] disk, Arena arena) throws IOException {
        ImageHeader header = ImageHeader.parse(
                file.asSlice(0, Math.min(file.byteSize(), HeaderLayout.MAX_BYTES_READ)), file.byteSize());
        int clusterBytes = header.clusterBytes();
        MemorySegment cluster = arena.allocate(clusterBytes);
        int compressed = 0;
        try (ClusterCodec codec = ClusterCodec.of(header.compressionType())) {
            for (int guestOffset = 0; guestOffset < DISK_BYTES; guestOffset += clusterBytes) {
                long entry = l2Entry(file, header, guestOffset);
                if (L2Entry.isCompressed(entry)) {
                    compressed++;
                    codec.decode(payload(file, entry, header.clusterBits()), cluster);
                    assertThat(cluster.toArray(ValueLayout.JAVA_BYTE))
                            .isEqualTo(Arrays.copyOfRange(disk, guestOffset, guestOffset + clusterBytes));
                }
            }
        }
        return compressed;
    }

    private static long l2Entry(MemorySegment file, ImageHeader header, long guestOffset) {
        long guestCluster = guestOffset >>> header.clusterBits();
        int tableBits = header.geometry().l2EntriesPerTableBits();
        long l1Entry = file.get(BigEndian.LONG, header.l1TableOffset() + (guestCluster >>> tableBits) * Long.BYTES);
        long tableOffset = L1Entry.tableOffset(l1Entry);
        return tableOffset == 0
                ? 0
                : file.get(BigEndian.LONG, tableOffset + (guestCluster & (1L << tableBits) - 1) * Long.BYTES);
    }

    private static MemorySegment payload(MemorySegment file, long entry, int clusterBits) {
        long hostOffset = L2Entry.compressedHostOffset(entry, clusterBits);
        long available = file.byteSize() - hostOffset;
        return file.asSlice(hostOffset, Math.min(available, L2Entry.compressedPayloadBytes(entry, clusterBits)));
    }

    private static byte[] disk() {
        byte[] bytes = new byte[DISK_BYTES];
        Random random = new Random(42);
        for (int index = 0; index < DISK_BYTES; index++) {
            bytes[index] = (byte) ('a' + random.nextInt(4));
        }
        return bytes;
    }
}
