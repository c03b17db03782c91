package io.cowslip.engine.image.layer;

import static io.cowslip.testing.ImageAssertions.assertThat;

import io.cowslip.engine.host.HostFiles;
import io.cowslip.engine.image.DiskImage;
import io.cowslip.engine.image.TestEnvironments;
import io.cowslip.engine.image.file.ImageEnvironment;
import io.cowslip.engine.image.options.ImageOptions;
import io.cowslip.engine.image.options.WriteOptions;
import io.cowslip.engine.work.WorkObserver;
import io.cowslip.testing.DiskRecipe;
import io.cowslip.testing.GuestOperations;
import io.cowslip.testing.GuestSession;
import io.cowslip.testing.ModelDisk;
import io.cowslip.testing.NeedsQemu;
import io.cowslip.testing.QemuTools;
import io.cowslip.testing.Seeds;
import io.cowslip.testing.TestImages;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;
import java.util.stream.Stream;
import org.assertj.core.api.Assertions;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * Random guests that write compressed and plainly in turns, zero and discard, with snapshots in between, on every kind of
 * image: byte for byte against an array, and in the end QEMU finds the image clean, the same disk, and as many compressed
 * clusters as we do.
 */
@NeedsQemu
@Tag("long")
final class CompressedGuestTest {
    private static final GuestOperations.Mix MIX = new GuestOperations.Mix(8, 30, 5, 5, 3, 1);
    private static final int EXTENDED_L2_CLUSTER_BYTES = 16384;

    @TempDir
    Path folder;

    private final Map<String, byte[]> snapshots = new HashMap<>();

    static Stream<Arguments> images() {
        List<Arguments> all = new ArrayList<>();
        for (DiskRecipe.Compression compression : DiskRecipe.Compression.values()) {
            for (int clusterBytes : new int[] {512, 4096, 65536, 2 << 20}) {
                for (int refcountBits : new int[] {1, 2, 16, 64}) {
                    boolean extended = clusterBytes >= EXTENDED_L2_CLUSTER_BYTES;
                    for (boolean extendedL2 : extended ? new boolean[] {false, true} : new boolean[] {false}) {
                        Seeds.seeds(1, 6)
                                .forEach(seed -> all.add(
                                        Arguments.of(compression, clusterBytes, refcountBits, extendedL2, seed)));
                    }
                }
            }
        }
        return all.stream();
    }

    @ParameterizedTest(name = "{0}, clusters of {1}, {2}-bit refcounts, extended L2 {3}, seed {4}")
    @MethodSource("images")
    void readsWhatItWrote(
            DiskRecipe.Compression compression, int clusterBytes, int refcountBits, boolean extendedL2, long seed)
            throws IOException {
        SplittableRandom random = new SplittableRandom(seed);
        int size = Math.clamp(30L * clusterBytes, 64 << 10, 6 << 20) - 512 * random.nextInt(20);
        DiskRecipe recipe = new DiskRecipe(clusterBytes, 3, refcountBits, compression, size, 6, List.of());
        if (random.nextInt(3) == 0) {
            recipe = recipe.over(new DiskRecipe.Layer(random.nextBoolean() ? 0 : 4096, size / 2, true));
        }
        try {
            DiskRecipe.Made made = (extendedL2 ? recipe.withExtendedL2() : recipe).make(folder, random);
            work(made, refcountBits, random);
            assertThat(made.disk().file()).passesQemuCheck().passesAudit().holdsForQemu(made.model());
            requireSameCount(made.disk().file());
            for (Map.Entry<String, byte[]> snapshot : snapshots.entrySet()) {
                ImageOptions options = TestImages.readOnly().withSnapshot(snapshot.getKey());
                try (DiskImage image = DiskImage.open(made.disk().file(), options, TestEnvironments.plain())) {
                    assertThat(image).readsAs(ModelDisk.of(snapshot.getValue()));
                }
            }
        } catch (IOException | RuntimeException | AssertionError e) {
            throw new AssertionError(recipe + ": " + e.getMessage() + "; " + Seeds.replay(getClass(), seed), e);
        }
    }

    private void work(DiskRecipe.Made made, int refcountBits, SplittableRandom random) throws IOException {
        ImageEnvironment environment = TestImages.environment(HostFiles.posix());
        try (GuestSession guest = GuestSession.open(made.disk(), options(true), environment, made.model())) {
            GuestOperations operations = new GuestOperations(
                    guest, random, Math.clamp(6L * made.disk().clusterBytes(), 8 << 10, 3 << 20));
            for (int round = 0; round < 5; round++) {
                operations.run(random.nextInt(4, 16), MIX);
                guest.reconfigure(options(random.nextInt(3) > 0));
                // Each snapshot takes up counts of what is shared already.
                if (refcountBits >= 16 && random.nextInt(3) == 0) {
                    String name = "snapshot" + round;
                    guest.image().snapshots().create(name, round, 0);
                    guest.flush();
                    snapshots.put(name, guest.model().read(0, guest.sizeBytes()));
                } else if (!snapshots.isEmpty() && random.nextInt(3) == 0) {
                    String name = snapshots.keySet().iterator().next();
                    guest.image().snapshots().delete(name);
                    snapshots.remove(name);
                }
            }
            guest.read(0, guest.sizeBytes());
        }
    }

    private static ImageOptions options(boolean compress) {
        return TestImages.smallestCaches(512).withWrites(WriteOptions.DEFAULTS.withCompress(compress));
    }

    private static void requireSameCount(Path file) throws IOException {
        long counted = QemuTools.compressedClusters(file);
        try (DiskImage image = TestImages.openReadOnly(file)) {
            Assertions.assertThat(image.check(WorkObserver.NONE).compressedClusters())
                    .isEqualTo(counted);
        }
    }
}
