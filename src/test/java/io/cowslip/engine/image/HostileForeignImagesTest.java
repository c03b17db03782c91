package io.cowslip.engine.image;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import io.cowslip.engine.ImageException;
import io.cowslip.engine.ImageException.Kind;
import io.cowslip.testing.ForeignKind;
import io.cowslip.testing.NeedsQemu;
import io.cowslip.testing.QemuTools;
import io.cowslip.testing.TestImages;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HexFormat;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Numbers of attacks on record, in images of other hypervisors' formats: refused by name, with no loop and no allocation. */
@NeedsQemu
@Timeout(60)
final class HostileForeignImagesTest {
    private static final int GRAIN = 64 << 10;
    private static final int SECTOR = 512;

    /** Of the metadata items of VHDX, as they stand in the file. */
    private static final String FILE_PARAMETERS = "3767a1ca36fa434db3b633f0aa44e76b";

    private static final String LOGICAL_SECTOR_SIZE = "1dbf41816fa90947ba47f233a8faab5f";
    private static final int MARKER_SIZE_OFFSET = 8;
    private static final int OVERHEAD_OFFSET = 64;

    @TempDir
    Path folder;

    @ParameterizedTest
    @ValueSource(ints = {0, 1, 512, 3 << 20, (1 << 20) + 512, 512 << 20, Integer.MIN_VALUE, -1})
    @DisplayName("CVE-2014-0148: VHDX block sizes that entries of the table cannot be counted with")
    void blockSizesOfVhdx(int blockBytes) throws IOException {
        assertRefused(vhdxWith(FILE_PARAMETERS, blockBytes), "the block size");
    }

    @ParameterizedTest
    @ValueSource(ints = {0, 1, 513, 1024, 1 << 20, -1})
    @DisplayName("CVE-2014-0148: VHDX sector sizes that nobody has")
    void sectorSizesOfVhdx(int sectorBytes) throws IOException {
        assertRefused(vhdxWith(LOGICAL_SECTOR_SIZE, sectorBytes), "the logical sector size");
    }

    private Path vhdxWith(String item, int value) throws IOException {
        Path image = ForeignKind.VHDX.create(folder.resolve("image.vhdx"), 4 << 20);
        byte[] file = Files.readAllBytes(image);
        int region = find(file, "metadata".getBytes(StandardCharsets.US_ASCII), 0);
        int entry = find(file, HexFormat.of().parseHex(item), region);
        ByteBuffer bytes = ByteBuffer.wrap(file).order(ByteOrder.LITTLE_ENDIAN);
        bytes.putInt(region + bytes.getInt(entry + 16), value);
        return Files.write(image, file);
    }

    private static int find(byte[] file, byte[] wanted, int from) {
        for (int at = from; at + wanted.length <= file.length; at++) {
            if (ByteBuffer.wrap(file, at, wanted.length).equals(ByteBuffer.wrap(wanted))) {
                return at;
            }
        }
        throw new AssertionError("not there");
    }

    private static void assertRefused(Path image, String field) {
        assertThatExceptionOfType(ImageException.class)
                .isThrownBy(() -> TestImages.openReadOnly(image).close())
                .satisfies(refusal -> {
                    assertThat(refusal.kind()).isEqualTo(Kind.INVALID_FORMAT);
                    assertThat(refusal).hasMessageContaining(field);
                });
    }

    @ParameterizedTest
    @ValueSource(ints = {0, 2 * GRAIN + 1, Integer.MAX_VALUE, Integer.MIN_VALUE, -1})
    @DisplayName("CVE-2026-2243: compressed grains of VMDK that are longer than they may be")
    void lengthsOfGrainsOfVmdk(int lengthBytes) throws IOException {
        readsNothingOf("has a marker of", (file, marker) -> file.putInt(marker + MARKER_SIZE_OFFSET, lengthBytes));
    }

    @Test
    @DisplayName("CVE-2026-2243: a compressed grain of VMDK that goes on behind the end of the file")
    void aGrainOfVmdkPastTheEnd() throws IOException {
        readsNothingOf("reaches past the end of the file", (file, marker) -> {
            int lengthBytes = file.capacity() - marker;
            assertThat(lengthBytes).isLessThan(2 * GRAIN);
            file.putInt(marker + MARKER_SIZE_OFFSET, lengthBytes);
        });
    }

    @Test
    @DisplayName("CVE-2026-2243: a compressed grain of VMDK that comes to less than a grain")
    void aGrainOfVmdkThatEndsEarly() throws IOException {
        readsNothingOf("comes to 0 bytes", (file, marker) -> {
            // A zlib stream of nothing.
            file.put(marker + 12, HexFormat.of().parseHex("789c030000000001"));
            file.putInt(marker + MARKER_SIZE_OFFSET, 8);
        });
    }

    /** What is done to a file whose first grain has its marker at {@code marker}. */
    @FunctionalInterface
    private interface Damage {
        void to(ByteBuffer file, int marker);
    }

    /** Neither zeros nor what was in memory. */
    private void readsNothingOf(String why, Damage damage) throws IOException {
        Path raw = Files.write(folder.resolve("source.raw"), TestImages.filled(GRAIN, 7));
        Path vmdk =
                QemuTools.convert(raw, "raw", folder.resolve("image.vmdk"), "vmdk", "-o", "subformat=streamOptimized");
        ByteBuffer file = ByteBuffer.wrap(Files.readAllBytes(vmdk)).order(ByteOrder.LITTLE_ENDIAN);
        damage.to(file, SECTOR * Math.toIntExact(file.getLong(OVERHEAD_OFFSET)));
        Files.write(vmdk, file.array());
        try (DiskImage image = TestImages.openReadOnly(vmdk)) {
            assertThatExceptionOfType(ImageException.class)
                    .isThrownBy(() -> TestImages.read(image, 0, GRAIN))
                    .satisfies(refusal -> {
                        assertThat(refusal.kind()).isEqualTo(Kind.INVALID_FORMAT);
                        assertThat(refusal).hasMessageContaining(why);
                    });
        }
    }
}
