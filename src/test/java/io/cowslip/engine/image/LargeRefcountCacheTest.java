package io.cowslip.engine.image;

import static org.assertj.core.api.Assertions.assertThat;

import io.cowslip.engine.cache.CacheOptions;
import io.cowslip.engine.host.HostFiles;
import io.cowslip.engine.image.options.ImageOptions;
import io.cowslip.testing.NeedsQemu;
import io.cowslip.testing.QemuTools;
import io.cowslip.testing.RandomData;
import io.cowslip.testing.RefcountAudit;
import io.cowslip.testing.TestImages;
import java.io.IOException;
import java.nio.file.Path;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** An image with many refcount blocks that are all in the cache: an allocation that searches them finds what is free. */
@NeedsQemu
final class LargeRefcountCacheTest {
    private static final int MIB = 1 << 20;

    @TempDir
    Path folder;

    @Test
    void anImageOpenedAgainTakesNoClusterThatIsInUse() throws IOException {
        Path image = QemuTools.create(folder.resolve("disk.qcow2"), 256L * MIB, "cluster_size=4096");
        write(image, 0, 64);
        write(image, 64, 96);
        try (DiskImage disk = open(image)) {
            for (int mib = 0; mib < 96; mib++) {
                assertThat(TestImages.read(disk, (long) mib * MIB, MIB))
                        .as("MiB %d", mib)
                        .isEqualTo(content(mib));
            }
        }
        assertThat(QemuTools.check(image).clean()).isTrue();
        assertThat(RefcountAudit.of(image).clean()).isTrue();
    }

    private static void write(Path image, int firstMib, int endMib) throws IOException {
        try (DiskImage disk = open(image)) {
            for (int mib = firstMib; mib < endMib; mib++) {
                TestImages.write(disk, (long) mib * MIB, content(mib));
            }
        }
    }

    private static byte[] content(int mib) {
        return RandomData.bytes(new SplittableRandom(mib), MIB);
    }

    private static DiskImage open(Path image) throws IOException {
        ImageOptions options = TestImages.withCaches(new CacheOptions(null, null, 1L * MIB, null), false);
        return DiskImage.open(image, options, TestImages.environment(HostFiles.posix()));
    }
}
