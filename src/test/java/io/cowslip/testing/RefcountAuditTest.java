package io.cowslip.testing;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.SplittableRandom;
import java.util.stream.Stream;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** The audit says what {@code qemu-img check} says, of sound images and of damaged ones. */
@NeedsQemu
final class RefcountAuditTest {

    @TempDir
    Path folder;

    static Stream<String> options() {
        return Stream.of(
                "cluster_size=512,refcount_bits=1",
                "cluster_size=512,refcount_bits=2",
                "cluster_size=1024,refcount_bits=4",
                "cluster_size=512,refcount_bits=8",
                "cluster_size=4096,compat=0.10",
                "cluster_size=512,refcount_bits=32",
                "cluster_size=2048,refcount_bits=64",
                "cluster_size=65536,refcount_bits=16");
    }

    @ParameterizedTest
    @MethodSource("options")
    void findsSoundImagesClean(String options) throws IOException {
        Path image = written(options);

        assertThat(RefcountAudit.of(image)).isEqualTo(RefcountAudit.of(Files.readAllBytes(image)));
        assertThat(RefcountAudit.of(image).clean()).isTrue();
        assertThat(QemuTools.check(image).clean()).isTrue();
    }

    @ParameterizedTest
    @MethodSource("options")
    void countsCompressedClusters(String options) throws IOException {
        byte[] disk = RandomData.disk(new SplittableRandom(5), 300_032);
        Path raw = Files.write(folder.resolve("raw"), disk);
        Path image = folder.resolve("compressed.qcow2");
        // A count of one bit cannot be shared by two compressed clusters.
        String wide = options.replace("refcount_bits=1,", "").replaceAll("refcount_bits=[1-4]$", "refcount_bits=8");
        QemuTools.convert(raw, "raw", image, "qcow2", "-c", "-o", wide);

        assertThat(RefcountAudit.of(image).clean()).isTrue();
        assertThat(QemuTools.check(image).clean()).isTrue();
    }

    @ParameterizedTest
    @MethodSource("options")
    void agreesOnDamagedImages(String options) throws IOException {
        byte[] sound = Files.readAllBytes(written(options));
        SplittableRandom random = new SplittableRandom(17);
        for (int damage = 0; damage < 25; damage++) {
            byte[] damaged = damage(sound, random);
            Path image = Files.write(folder.resolve("damaged"), damaged);
            QemuTools.CheckResult qemu = QemuTools.check(image);
            RefcountAudit.Report audit = RefcountAudit.of(damaged);

            assertThat(audit.leaksAtMost())
                    .as("damage %d: %s, while qemu-img says %s", damage, audit, qemu)
                    .isEqualTo(qemu.leaksAtMost());
            if (audit.leaksAtMost()) {
                assertThat(audit.leaks()).as("damage %d", damage).isEqualTo(qemu.leaks());
            }
        }
    }

    /** Replaces one entry of some table by another value that it might have had. */
    private static byte[] damage(byte[] sound, SplittableRandom random) {
        byte[] damaged = sound.clone();
        ByteBuffer image = ByteBuffer.wrap(damaged);
        int clusterBytes = 1 << image.getInt(20);
        int l1 = (int) image.getLong(40);
        int l2 = (int) (image.getLong(l1) & 0xff_ffff_ffff_fe00L);
        int refcountBlock = (int) image.getLong((int) image.getLong(48));
        switch (random.nextInt(4)) {
            case 0 -> image.putLong(l2 + 8 * random.nextInt(clusterBytes / 8), 0);
            case 1 -> image.put(refcountBlock + random.nextInt(Math.min(clusterBytes, 24)), (byte) random.nextInt(256));
            case 2 -> image.putLong(l1, image.getLong(l1) & Long.MAX_VALUE);
            default -> {
                long cluster = random.nextInt(damaged.length / clusterBytes) * (long) clusterBytes;
                image.putLong(l2 + 8 * random.nextInt(clusterBytes / 8), cluster == 0 ? 0 : cluster | 1L << 63);
            }
        }
        return damaged;
    }

    private Path written(String options) {
        Path image = QemuTools.create(folder.resolve("image"), 400_384, options);
        QemuTools.edit(image, "write -P 1 0 70k", "write -P 2 150k 10k", "write -z 20k 30k", "discard 60k 10k");
        return image;
    }
}
