package io.cowslip.testing;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

@NeedsQemu
final class QemuToolsTest {

    @TempDir
    Path folder;

    @Test
    void makesWritesAndShowsAnImage() {
        Path image = QemuTools.create(folder.resolve("a.qcow2"), 1 << 20, "cluster_size=4096,refcount_bits=8");
        QemuTools.edit(image, "write -P 7 8k 4k");

        assertThat(QemuTools.info(image).get("cluster-size").asInt()).isEqualTo(4096);
        assertThat(QemuTools.map(image)).anySatisfy(entry -> {
            assertThat(entry.start()).isEqualTo(8192);
            assertThat(entry.length()).isEqualTo(4096);
            assertThat(entry.data()).isTrue();
        });
        assertThat(QemuTools.check(image).clean()).isTrue();
    }

    @Test
    void tellsCorruptionFromCleanliness() throws IOException {
        Path image = QemuTools.create(folder.resolve("b.qcow2"), 1 << 20, "cluster_size=65536");
        QemuTools.edit(image, "write -P 7 0 64k");
        try (RandomAccessFile file = new RandomAccessFile(image.toFile(), "rw")) {
            file.seek(2 * 65536);
            file.write(new byte[32]);
        }

        QemuTools.CheckResult result = QemuTools.check(image);

        assertThat(result.clean()).isFalse();
        assertThat(result.leaksAtMost()).isFalse();
        assertThat(result.corruptions()).isPositive();
    }

    @Test
    void comparesACopyWithItsSource() {
        Path image = QemuTools.create(folder.resolve("c.qcow2"), 1 << 20, "");
        QemuTools.edit(image, "write -P 9 100k 50k");
        Path raw = QemuTools.convert(image, "qcow2", folder.resolve("c.raw"), "raw");

        assertThat(QemuTools.compare(image, "qcow2", raw, "raw").exitCode()).isZero();
        QemuTools.edit(image, "write -P 8 100k 1k");
        assertThat(QemuTools.compare(image, "qcow2", raw, "raw").exitCode()).isOne();
    }

    @Test
    void holdsAnImageOpen() {
        Path image = QemuTools.create(folder.resolve("d.qcow2"), 1 << 20, "");
        try (HeldImage held = QemuTools.hold("qcow2", image)) {
            assertThat(held.run("read 0 512")).contains("read 512/512 bytes");
            assertThatExceptionOfType(AssertionError.class)
                    .isThrownBy(() -> QemuTools.hold("qcow2", image, "-r").close())
                    .withMessageContaining("lock");
        }
        QemuTools.hold("qcow2", image, "-r").close();
    }
}
