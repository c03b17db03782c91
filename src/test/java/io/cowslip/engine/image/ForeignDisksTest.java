package io.cowslip.engine.image;

import static org.assertj.core.api.Assertions.assertThat;

import io.cowslip.engine.image.map.GuestExtent;
import io.cowslip.engine.image.options.ImageFormat;
import io.cowslip.engine.image.options.ImageOptions;
import io.cowslip.testing.ForeignKind;
import io.cowslip.testing.HostPageCache;
import io.cowslip.testing.NeedsQemu;
import io.cowslip.testing.QemuTools;
import io.cowslip.testing.Seeds;
import io.cowslip.testing.TestImages;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Objects;
import java.util.SplittableRandom;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;
import tools.jackson.databind.JsonNode;

/** Images of other hypervisors' formats read byte for byte as what QEMU put into them, and say of themselves what QEMU says. */
@NeedsQemu
final class ForeignDisksTest {
    private static final int MAX_DISK = 9 << 20;

    @TempDir
    Path folder;

    static Stream<Arguments> kindsAndSeeds() {
        long[] seeds = Seeds.seeds(2, 4).toArray();
        return Stream.of(ForeignKind.values())
                .flatMap(kind -> Arrays.stream(seeds).mapToObj(seed -> Arguments.of(kind, seed)));
    }

    @ParameterizedTest(name = "{0} seed {1}")
    @MethodSource("kindsAndSeeds")
    void readsAsQemuWroteIt(ForeignKind kind, long seed) throws IOException {
        SplittableRandom random = new SplittableRandom(seed * 31 + kind.ordinal());
        ForeignKind.Made made = kind.make(folder, random, MAX_DISK);
        try (DiskImage image = DiskImage.open(made.file(), options(kind), TestEnvironments.plain())) {
            assertThat(image.virtualSizeBytes()).isEqualTo(made.disk().length);
            assertReads(image, made.disk(), random);
            assertExtents(image, made.disk(), QemuTools.map(kind.format(), made.file()));
        } catch (IOException | RuntimeException | AssertionError e) {
            throw new AssertionError(kind + ": " + e.getMessage() + "; " + Seeds.replay(getClass(), seed), e);
        }
        assertFacts(kind, made);
    }

    private static ImageOptions options(ForeignKind kind) throws IOException {
        ImageOptions options = TestImages.readOnly();
        return kind.knownByContent() ? options : options.withFormat(ImageFormat.parse("format", kind.format()));
    }

    private static void assertReads(DiskImage image, byte[] disk, SplittableRandom random) throws IOException {
        int position = 0;
        while (position < disk.length) {
            int length = Math.min(disk.length - position, random.nextInt(1, 3 << 20));
            assertRead(image, disk, position, length);
            position += length;
        }
        long[] seeds = random.longs(4).toArray();
        Arrays.stream(seeds).parallel().forEach(seed -> {
            SplittableRandom own = new SplittableRandom(seed);
            for (int count = 0; count < 20; count++) {
                int from = own.nextInt(disk.length);
                int length = own.nextInt(1, Math.min(disk.length - from, 100_000) + 1);
                try {
                    assertRead(image, disk, from, length);
                } catch (IOException e) {
                    throw new AssertionError(e);
                }
            }
        });
    }

    private static void assertRead(DiskImage image, byte[] disk, int from, int length) throws IOException {
        byte[] found = TestImages.read(image, from, length);
        int mismatch = Arrays.mismatch(found, 0, length, disk, from, from + length);
        assertThat(mismatch).as("first difference from %s on", from).isNegative();
    }

    /** Extents cover the disk, zeros are zeros, and nothing that QEMU need not read is to be read here. */
    private static void assertExtents(DiskImage image, byte[] disk, List<QemuTools.MapEntry> map) throws IOException {
        boolean[] zero = new boolean[disk.length / 512];
        long position = 0;
        while (position < disk.length) {
            GuestExtent extent = image.extentAt(position, disk.length - position);
            assertThat(extent.start()).isEqualTo(position);
            assertThat(extent.length()).isBetween(1L, disk.length - position);
            if (extent.zero()) {
                int from = (int) position;
                int end = (int) (position + extent.length());
                assertThat(IntStream.range(from, end).allMatch(at -> disk[at] == 0))
                        .as("zeros from %s to %s", from, end)
                        .isTrue();
                Arrays.fill(zero, from / 512, end / 512, true);
            }
            position += extent.length();
        }
        for (QemuTools.MapEntry entry : map) {
            int end = (int) (Math.min(disk.length, entry.start() + entry.length()) / 512);
            for (int sector = (int) (entry.start() / 512); entry.zero() && sector < end; sector++) {
                assertThat(zero[sector])
                        .as("sector %s, which QEMU knows as zeros: %s", sector, entry)
                        .isTrue();
            }
        }
    }

    private void assertFacts(ForeignKind kind, ForeignKind.Made made) throws IOException {
        HostPageCache.writeOut(folder);
        ImageInfo info = ImageInfo.chain(made.file(), options(kind), TestEnvironments.plain())
                .getFirst();
        JsonNode qemu = QemuTools.info(kind.format(), made.file());
        assertThat(info.format().wireName()).isEqualTo(qemu.path("format").asString());
        assertThat(info.virtualSizeBytes()).isEqualTo(qemu.path("virtual-size").asLong());
        assertThat(info.actualSizeBytes()).isEqualTo(qemu.path("actual-size").asLong());
        ImageInfo.ForeignFacts foreign = Objects.requireNonNull(info.foreign());
        assertThat(foreign.blockSizeBytes()).isEqualTo(qemu.path("cluster-size").asInt(0));
        assertThat(info.dataFiles()).containsExactlyInAnyOrderElementsOf(made.extents());
        ImageInfo.VmdkFacts vmdk = foreign.vmdk();
        if (vmdk != null) {
            JsonNode data = qemu.at("/format-specific/data");
            assertThat(vmdk.contentId()).isEqualTo(data.path("cid").asLong());
            assertThat(vmdk.parentContentId()).isEqualTo(data.path("parent-cid").asLong());
            assertThat(vmdk.createType()).isEqualTo(data.path("create-type").asString());
        }
    }
}
