package io.cowslip.engine.image;

import static org.assertj.core.api.Assertions.assertThat;

import io.cowslip.engine.image.map.GuestExtent;
import io.cowslip.engine.image.options.ImageFormat;
import io.cowslip.engine.image.options.ImageOptions;
import io.cowslip.testing.CountingHostFiles;
import io.cowslip.testing.ForeignKind;
import io.cowslip.testing.NeedsQemu;
import io.cowslip.testing.TestImages;
import java.io.IOException;
import java.nio.file.Path;
import java.util.SplittableRandom;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** A disk of any size is open after a look at its headers, and its holes cost a look at a page of its tables. */
@NeedsQemu
final class HugeForeignDisksTest {
    private static final long GIB = 1L << 30;

    /** Pages of tables that one look at a place may take: a run of holes goes on over a few. */
    private static final int MAX_READS_PER_PLACE = 10;

    @TempDir
    Path folder;

    @ParameterizedTest
    @CsvSource({"VDI, 2048", "VPC_EXACT, 2000", "VMDK, 1900", "VMDK_ZEROED, 1900", "VHDX_SMALL_BLOCKS, 16384"})
    void holesAreNotRead(ForeignKind kind, long gibibytes) throws IOException {
        long sizeBytes = gibibytes * GIB;
        Path file = kind.create(folder.resolve("image"), sizeBytes);
        CountingHostFiles files = new CountingHostFiles();
        ImageOptions options = TestImages.readOnly().withFormat(ImageFormat.parse("format", kind.format()));
        try (DiskImage image = DiskImage.open(file, options, TestEnvironments.with(files))) {
            assertThat(image.virtualSizeBytes()).isEqualTo(sizeBytes);
            assertThat(files.bytesRead()).isLessThan(1 << 20);
            SplittableRandom random = new SplittableRandom(1);
            for (int place = 0; place < 20; place++) {
                int before = files.reads();
                long offset = random.nextLong(sizeBytes - (1 << 20));
                assertThat(TestImages.read(image, offset, 1 << 20)).containsOnly(0);
                GuestExtent extent = image.extentAt(offset, sizeBytes - offset);
                assertThat(extent.zero()).isTrue();
                assertThat(extent.length()).isGreaterThan(1 << 20);
                assertThat(files.reads() - before).isLessThanOrEqualTo(MAX_READS_PER_PLACE);
            }
        }
    }
}
