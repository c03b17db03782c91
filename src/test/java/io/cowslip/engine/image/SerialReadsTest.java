package io.cowslip.engine.image;

import static org.assertj.core.api.Assertions.assertThat;

import io.cowslip.testing.CountingHostFiles;
import io.cowslip.testing.NeedsQemu;
import io.cowslip.testing.QemuTools;
import io.cowslip.testing.TestImages;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** A guest waits for one host read per contiguous run of clusters, not for one per cluster. */
@NeedsQemu
final class SerialReadsTest {
    private static final int CLUSTER = 65536;
    private static final int SIZE = 64 * CLUSTER;

    @TempDir
    Path folder;

    private final CountingHostFiles files = new CountingHostFiles();

    @Test
    void readsAContiguousDiskInOne() throws IOException {
        byte[] data = new byte[SIZE];
        new SplittableRandom(3).nextBytes(data);
        Path raw = Files.write(folder.resolve("raw"), data);
        Path file = QemuTools.convert(raw, "raw", folder.resolve("image"), "qcow2");

        assertThat(readsOfWholeDisk(file)).isOne();
    }

    @Test
    void readsWhatTheEngineWroteInSequenceInOne() throws IOException {
        Path file = QemuTools.create(folder.resolve("image"), SIZE, "");
        byte[] cluster = new byte[CLUSTER];
        new SplittableRandom(3).nextBytes(cluster);
        try (DiskImage image = TestImages.open(file)) {
            for (int offset = 0; offset < SIZE; offset += CLUSTER) {
                TestImages.write(image, offset, cluster);
            }
        }

        assertThat(readsOfWholeDisk(file)).isOne();
    }

    @Test
    void readsEachRunOfAFragmentedDiskInOne() throws IOException {
        Path file = QemuTools.create(folder.resolve("image"), SIZE, "");
        // Two runs on the host: all but the first quarter, and the first quarter behind it.
        QemuTools.edit(file, "write -P 1 1M 1M", "write -P 2 2M 2M", "write -P 3 0 1M");

        assertThat(readsOfWholeDisk(file)).isEqualTo(2);
    }

    @Test
    void readsNothingForZerosAndHoles() throws IOException {
        Path file = QemuTools.create(folder.resolve("image"), SIZE, "");
        QemuTools.edit(file, "write -P 1 0 1M", "write -z 0 1M");

        assertThat(readsOfWholeDisk(file)).isZero();
    }

    /** Host reads of one guest read of everything, once the tables are in the cache. */
    private int readsOfWholeDisk(Path file) throws IOException {
        try (DiskImage image = DiskImage.open(file, TestImages.readOnly(), TestImages.environment(files))) {
            TestImages.read(image, 0, SIZE);
            int before = files.reads();
            TestImages.read(image, 0, SIZE);
            return files.reads() - before;
        }
    }
}
