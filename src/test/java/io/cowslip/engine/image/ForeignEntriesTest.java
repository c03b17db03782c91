package io.cowslip.engine.image;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.cowslip.engine.ImageException;
import io.cowslip.engine.image.map.GuestExtent;
import io.cowslip.engine.image.options.ImageFormat;
import io.cowslip.testing.ForeignKind;
import io.cowslip.testing.NeedsQemu;
import io.cowslip.testing.Processes;
import io.cowslip.testing.QemuTools;
import io.cowslip.testing.TestImages;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Arrays;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Fields and entries that other programs write and qemu-img does not: set by hand, and read as QEMU reads them. */
@NeedsQemu
final class ForeignEntriesTest {
    private static final int MIB = 1 << 20;

    @TempDir
    Path folder;

    @Test
    void blocksOfVdiThatWereDiscardedAreZeros() throws IOException {
        Path image = written(ForeignKind.VDI, 4 * MIB, "write -P 1 0 4M");
        long table = littleEndian(image, 0x154);
        put(image, table + 4, -2, -1);
        assertSameAsQemu("vdi", image);
        try (DiskImage disk = open("vdi", image)) {
            assertThat(disk.extentAt(MIB, 3 * MIB)).isEqualTo(new GuestExtent(MIB, MIB, true, false));
            assertThat(disk.extentAt(2 * MIB, 2 * MIB)).isEqualTo(new GuestExtent(2 * MIB, MIB, true, true));
            assertThat(disk.extentAt(3 * MIB, MIB).zero()).isFalse();
        }
    }

    @ParameterizedTest
    @ValueSource(
            strings = {"qemu", "qem2", "win ", "vpc ", "vs  ", "d2v ", "tap\0", "CTXS", "wa\0\0", "abcd", "\0\0\0\0"})
    void sizesOfVhdGoByTheProgramThatMadeThem(String creator) throws IOException {
        for (ForeignKind kind : new ForeignKind[] {ForeignKind.VPC_EXACT, ForeignKind.VPC_FIXED_EXACT}) {
            Path image = kind.create(folder.resolve(kind + "-" + creator.strip().replace('\0', '_')), 5 * MIB + 1536);
            long end = Files.size(image) - 512;
            for (long footer : kind == ForeignKind.VPC_EXACT ? new long[] {0, end} : new long[] {end}) {
                try (RandomAccessFile file = new RandomAccessFile(image.toFile(), "rw")) {
                    file.seek(footer + 28);
                    file.write(creator.getBytes(StandardCharsets.ISO_8859_1));
                }
                mendSum(image, footer);
            }
            try (DiskImage disk = open("vpc", image)) {
                assertThat(disk.virtualSizeBytes())
                        .as(creator)
                        .isEqualTo(QemuTools.info("vpc", image)
                                .path("virtual-size")
                                .asLong());
            }
        }
    }

    @Test
    void aDynamicVhdIsReadByTheFooterThatIsSound() throws IOException {
        Path image = written(ForeignKind.VPC, 4 * MIB, "write -P 3 1M 1M");
        byte[] expected = asRaw("vpc", image);
        long end = Files.size(image) - 512;
        try (RandomAccessFile file = new RandomAccessFile(image.toFile(), "rw")) {
            file.seek(end);
            file.write(new byte[512]);
        }
        assertReads("vpc", image, expected);
        try (RandomAccessFile file = new RandomAccessFile(image.toFile(), "rw")) {
            byte[] start = new byte[512];
            file.readFully(start);
            file.seek(end);
            file.write(start);
            file.seek(0);
            file.write(new byte[512]);
        }
        assertReads("vpc", image, expected);
    }

    @Test
    void bitmapsOfSectorsInVhdAreReadAsQemuReadsThem() throws IOException {
        Path image = written(ForeignKind.VPC_EXACT, 4 * MIB, "write -P 3 0 4M");
        byte[] table = new byte[4];
        try (RandomAccessFile file = new RandomAccessFile(image.toFile(), "rw")) {
            file.seek(512 + 16);
            file.seek(file.readLong());
            file.readFully(table);
            long block = Integer.toUnsignedLong(java.nio.ByteBuffer.wrap(table).getInt()) * 512;
            file.seek(block);
            file.write(new byte[] {0, 0, 0x55, (byte) 0xf0});
        }
        assertSameAsQemu("vpc", image);
    }

    @ParameterizedTest
    @ValueSource(ints = {0, 1, 2, 3, 4, 5, 6, 7})
    void statesOfVhdxBlocksAreReadAsQemuReadsThem(int state) throws IOException {
        Path image = written(ForeignKind.VHDX_SMALL_BLOCKS, 4 * MIB, "write -P 1 0 4M");
        long table = vhdxTable(image);
        long entry = littleEndianLong(image, table + 8);
        put(image, table + 8, (int) (entry & ~7L) | state);
        Path raw = folder.resolve("raw");
        Processes.Output qemu = QemuTools.img("convert", "-f", "vhdx", "-O", "raw", image.toString(), raw.toString());
        if (qemu.exitCode() == 0) {
            assertReads("vhdx", image, Files.readAllBytes(raw));
        } else {
            try (DiskImage disk = open("vhdx", image)) {
                assertThatThrownBy(() -> TestImages.read(disk, 0, 4 * MIB))
                        .isInstanceOfSatisfying(
                                ImageException.class,
                                refused -> assertThat(refused.kind()).isEqualTo(ImageException.Kind.INVALID_FORMAT))
                        .hasMessageContaining("block 1 has");
            }
        }
    }

    @Test
    void aStreamOptimizedExtentIsReadByItsFooter() throws IOException {
        Path image = folder.resolve("image.vmdk");
        Path raw = folder.resolve("raw");
        byte[] disk = new byte[3 * MIB + 512];
        new java.util.SplittableRandom(7).nextBytes(disk);
        Arrays.fill(disk, 100_000, 2_000_000, (byte) 5);
        Files.write(raw, disk);
        QemuTools.convert(raw, "raw", image, "vmdk", "-o", "subformat=streamOptimized");
        byte[] footer = Arrays.copyOf(Files.readAllBytes(image), 512);
        put(image, 56, -1, -1);
        byte[] end = new byte[1536];
        end[0] = 1;
        end[12] = 3;
        System.arraycopy(footer, 0, end, 512, 512);
        Files.write(image, end, StandardOpenOption.APPEND);
        assertThat(QemuTools.compare(image, "vmdk", raw, "raw").exitCode()).isZero();
        assertReads("vmdk", image, disk);
    }

    @Test
    void aGrainThatDoesNotGetSmallerIsRead() throws IOException {
        byte[] disk = new byte[2 * MIB];
        new java.util.SplittableRandom(11).nextBytes(disk);
        Path raw = Files.write(folder.resolve("raw"), disk);
        Path image =
                QemuTools.convert(raw, "raw", folder.resolve("image.vmdk"), "vmdk", "-o", "subformat=streamOptimized");
        assertReads("vmdk", image, disk);
    }

    @Test
    void whatIsNoneOfTheFormatsIsRefusedUnlessItIsSaidToBeRaw() throws IOException {
        Path file = Files.write(folder.resolve("file"), new byte[MIB]);
        assertThatThrownBy(() -> TestImages.openReadOnly(file).close()).hasMessageContaining("\"format\": \"raw\"");
        try (DiskImage disk = open("raw", file)) {
            assertThat(disk.virtualSizeBytes()).isEqualTo(MIB);
        }
        for (String format : new String[] {"vmdk", "vhdx", "vpc", "vdi", "qcow2"}) {
            assertThatThrownBy(() -> open(format, file).close())
                    .isInstanceOfSatisfying(
                            ImageException.class,
                            refused -> assertThat(refused.kind()).isEqualTo(ImageException.Kind.INVALID_FORMAT));
        }
    }

    /** What its guest wrote to a raw disk does not count, whatever it looks like. */
    @Test
    void aRawDiskThatLooksLikeAnotherFormatStaysRaw() throws IOException {
        for (ForeignKind kind : ForeignKind.values()) {
            Path image = kind.create(folder.resolve(kind + ".image"), MIB);
            byte[] content = Files.readAllBytes(image);
            byte[] whole = Arrays.copyOf(content, Math.ceilDiv(content.length, 512) * 512);
            assertReads("raw", image, whole);
        }
    }

    private Path written(ForeignKind kind, long sizeBytes, String... commands) {
        Path image = kind.create(folder.resolve("image"), sizeBytes);
        Processes.Output output = QemuTools.io(kind.format(), image, commands).succeeded();
        assertThat(output.out() + output.err()).doesNotContain("failed");
        return image;
    }

    private static DiskImage open(String format, Path image) throws IOException {
        return DiskImage.open(
                image, TestImages.readOnly().withFormat(ImageFormat.parse("format", format)), TestEnvironments.plain());
    }

    private void assertSameAsQemu(String format, Path image) throws IOException {
        assertReads(format, image, asRaw(format, image));
    }

    private byte[] asRaw(String format, Path image) throws IOException {
        Path raw = folder.resolve("as.raw");
        QemuTools.convert(image, format, raw, "raw");
        return Files.readAllBytes(raw);
    }

    private static void assertReads(String format, Path image, byte[] expected) throws IOException {
        try (DiskImage disk = open(format, image)) {
            assertThat(disk.virtualSizeBytes()).isEqualTo(expected.length);
            assertThat(Arrays.mismatch(TestImages.read(disk, 0, expected.length), expected))
                    .isNegative();
        }
    }

    private static long vhdxTable(Path image) throws IOException {
        // The first entry of the region table may be either's.
        boolean first = littleEndian(image, (192 << 10) + 16) == 0x2dc2_7766;
        return littleEndianLong(image, (192 << 10) + 16 + (first ? 0 : 32) + 16);
    }

    private static long littleEndian(Path image, long offset) throws IOException {
        try (RandomAccessFile file = new RandomAccessFile(image.toFile(), "r")) {
            file.seek(offset);
            return Integer.toUnsignedLong(Integer.reverseBytes(file.readInt()));
        }
    }

    private static long littleEndianLong(Path image, long offset) throws IOException {
        try (RandomAccessFile file = new RandomAccessFile(image.toFile(), "r")) {
            file.seek(offset);
            return Long.reverseBytes(file.readLong());
        }
    }

    private static void put(Path image, long offset, int... littleEndian) throws IOException {
        try (RandomAccessFile file = new RandomAccessFile(image.toFile(), "rw")) {
            file.seek(offset);
            for (int value : littleEndian) {
                file.writeInt(Integer.reverseBytes(value));
            }
        }
    }

    private static void mendSum(Path image, long footer) throws IOException {
        try (RandomAccessFile file = new RandomAccessFile(image.toFile(), "rw")) {
            file.seek(footer + 64);
            file.writeInt(0);
            byte[] bytes = new byte[512];
            file.seek(footer);
            file.readFully(bytes);
            int sum = 0;
            for (byte value : bytes) {
                sum += Byte.toUnsignedInt(value);
            }
            file.seek(footer + 64);
            file.writeInt(~sum);
        }
    }
}
