package io.cowslip.engine.image.create;

import static org.assertj.core.api.Assertions.assertThat;

import io.cowslip.engine.image.DiskImage;
import io.cowslip.engine.image.options.CreateOptions;
import io.cowslip.engine.image.options.ImageOptions;
import io.cowslip.testing.CrashingHostFiles;
import io.cowslip.testing.HostOperation;
import io.cowslip.testing.ImageAssertions;
import io.cowslip.testing.ModelDisk;
import io.cowslip.testing.RefcountAudit;
import io.cowslip.testing.TestImages;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.stream.IntStream;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** A created image survives a power cut right after its creation returned: file and folder were synced last. */
final class DurableCreationTest {
    private static final int SIZE = 3 << 20;

    @TempDir
    Path folder;

    static IntStream clusterSizes() {
        return IntStream.rangeClosed(9, 21).map(bits -> 1 << bits);
    }

    @ParameterizedTest
    @MethodSource("clusterSizes")
    void isDurableWhenItReturns(int clusterBytes) throws IOException {
        Path file = folder.resolve("new.qcow2");
        CrashingHostFiles files = new CrashingHostFiles();
        CreateOptions plain = CreateOptions.qcow2(SIZE);
        ImageCreator.create(
                file,
                new CreateOptions(
                        plain.format(),
                        plain.virtualSizeBytes(),
                        clusterBytes,
                        null,
                        null,
                        plain.refcountBits(),
                        plain.compressionType(),
                        plain.version()),
                TestImages.environment(files));

        assertThat(unsynced(files.log(), file)).isEmpty();
        assertThat(files.log()).contains(new HostOperation.Sync(folder));
        byte[] image = files.contentOf(file);
        assertThat(RefcountAudit.of(image).clean()).isTrue();
        CrashingHostFiles afterwards = new CrashingHostFiles(Map.of(file, image));
        try (DiskImage disk = DiskImage.open(file, ImageOptions.defaults(), TestImages.environment(afterwards))) {
            ImageAssertions.assertThat(disk).readsAs(ModelDisk.ofZeros(SIZE));
        }
    }

    private static List<HostOperation> unsynced(List<HostOperation> log, Path file) {
        int lastSync = log.lastIndexOf(new HostOperation.Sync(file));
        return log.stream()
                .skip(lastSync + 1L)
                .filter(operation -> !(operation instanceof HostOperation.Sync))
                .toList();
    }
}
