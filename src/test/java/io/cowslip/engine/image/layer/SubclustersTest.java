package io.cowslip.engine.image.layer;

import static io.cowslip.testing.ImageAssertions.assertThat;
import static io.cowslip.testing.TestImages.filled;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.cowslip.engine.ImageException;
import io.cowslip.engine.format.ExtendedL2Entry;
import io.cowslip.engine.format.SubclusterBitmap;
import io.cowslip.engine.image.DiskImage;
import io.cowslip.engine.image.TestEnvironments;
import io.cowslip.engine.image.create.ImageCreator;
import io.cowslip.engine.image.file.ImageEnvironment;
import io.cowslip.engine.image.options.CreateOptions;
import io.cowslip.engine.image.options.ImageFormat;
import io.cowslip.engine.image.options.ImageOptions;
import io.cowslip.testing.CrashState;
import io.cowslip.testing.CrashStates;
import io.cowslip.testing.CrashingHostFiles;
import io.cowslip.testing.FaultyHostFiles;
import io.cowslip.testing.ModelDisk;
import io.cowslip.testing.NeedsQemu;
import io.cowslip.testing.QemuTools;
import io.cowslip.testing.TestImages;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Arrays;
import java.util.Map;
import java.util.SplittableRandom;
import org.assertj.core.api.Assertions;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/**
 * Extended L2 entries as they stand in the file after single requests, beside those that QEMU writes for the same, and
 * entries that no cluster can have.
 */
@NeedsQemu
final class SubclustersTest {
    private static final int CLUSTER = 128 << 10;
    private static final int SUBCLUSTER = CLUSTER / SubclusterBitmap.SUBCLUSTERS;
    private static final int SIZE = 4 * CLUSTER;
    private static final long OFFSET_MASK = 0x00FF_FFFF_FFFF_FE00L;

    @TempDir
    Path folder;

    @FunctionalInterface
    private interface Requests {
        void send(DiskImage image) throws IOException;
    }

    @Test
    void aWholeSubclusterIsWrittenAlone() throws IOException {
        Path file = create(folder.resolve("base.raw"));
        work(file, image -> TestImages.write(image, 2L * SUBCLUSTER, filled(SUBCLUSTER, 7)));
        Assertions.assertThat(entry(file, 0).bitmap()).isEqualTo(1 << 2);
        Path qemus = create(folder.resolve("other.raw"));
        QemuTools.edit(qemus, "write -P 7 8k 4k");
        Assertions.assertThat(entry(file, 0).bitmap()).isEqualTo(entry(qemus, 0).bitmap());
        try (DiskImage image = TestImages.openReadOnly(file)) {
            Assertions.assertThat(TestImages.read(image, 0, 3 * SUBCLUSTER)).isEqualTo(joined(5, 5, 7));
        }
    }

    /** In a raw data file a cluster becomes data as a whole, and those of its subclusters that are data stay as they are. */
    @Test
    void inARawDataFileTheOthersStayWhatTheyAre() throws IOException {
        Path file = QemuTools.create(
                folder.resolve("image.qcow2"),
                SIZE,
                "extended_l2=on,cluster_size=128k,data_file=" + folder.resolve("data.raw") + ",data_file_raw=on");
        byte[] expected = new byte[SIZE];
        Arrays.fill(expected, 2 * SUBCLUSTER, 3 * SUBCLUSTER, (byte) 7);
        Arrays.fill(expected, 5 * SUBCLUSTER + 100, 6 * SUBCLUSTER, (byte) 8);
        QemuTools.edit(file, "write -P 7 8k 4k");
        work(file, image -> TestImages.write(image, 5L * SUBCLUSTER + 100, filled(SUBCLUSTER - 100, 8)));
        assertThat(file).passesQemuCheck().holdsForQemu(ModelDisk.of(expected));
        Assertions.assertThat(Files.readAllBytes(folder.resolve("data.raw"))).isEqualTo(expected);
    }

    @Test
    void ofAPartOfASubclusterTheRestIsCopied() throws IOException {
        Path file = create(folder.resolve("base.raw"));
        work(file, image -> TestImages.write(image, SUBCLUSTER + 100, filled(SUBCLUSTER, 9)));
        Assertions.assertThat(entry(file, 0).bitmap()).isEqualTo(0b110);
        byte[] expected = filled(SIZE, 5);
        Arrays.fill(expected, SUBCLUSTER + 100, 2 * SUBCLUSTER + 100, (byte) 9);
        assertThat(file).passesQemuCheck().passesAudit().holdsForQemu(ModelDisk.of(expected));
    }

    @Test
    void moreSubclustersComeIntoTheSameCluster() throws IOException {
        Path file = create(folder.resolve("base.raw"));
        work(file, image -> TestImages.write(image, 0, filled(SUBCLUSTER, 1)));
        long place = entry(file, 0).descriptor();
        work(file, image -> TestImages.write(image, 31L * SUBCLUSTER, filled(SUBCLUSTER, 2)));
        Assertions.assertThat(entry(file, 0)).isEqualTo(new ExtendedL2Entry(place, 1 | 1L << 31));
    }

    @Test
    void zeroedSubclustersKeepTheCluster() throws IOException {
        Path file = create(folder.resolve("base.raw"));
        work(file, image -> {
            TestImages.write(image, 2L * SUBCLUSTER, filled(SUBCLUSTER, 7));
            image.zero(4L * SUBCLUSTER, SUBCLUSTER);
        });
        Assertions.assertThat(entry(file, 0).bitmap()).isEqualTo(0x10_0000_0004L);
        work(file, image -> image.zero(2L * SUBCLUSTER, SUBCLUSTER));
        Assertions.assertThat(entry(file, 0).bitmap()).isEqualTo(0x14_0000_0000L);
        assertThat(file).passesQemuCheck();
    }

    @Test
    void aZeroedClusterTakesNoPlace() throws IOException {
        Path file = create(folder.resolve("base.raw"));
        work(file, image -> image.zero(CLUSTER, CLUSTER));
        Assertions.assertThat(entry(file, 1)).isEqualTo(ExtendedL2Entry.ZERO);
    }

    @Test
    void aDiscardedClusterLetsItsPlaceGo() throws IOException {
        Path file = create(folder.resolve("base.raw"));
        work(file, image -> {
            TestImages.write(image, CLUSTER, filled(CLUSTER, 3));
            image.discard(CLUSTER, CLUSTER);
        });
        Assertions.assertThat(entry(file, 1)).isEqualTo(ExtendedL2Entry.ZERO);
        assertThat(file).passesQemuCheck();
    }

    @Test
    void aWriteIntoACompressedClusterUnpacksItWhole() throws IOException {
        Path raw = Files.write(folder.resolve("content.raw"), filled(SIZE, 6));
        Path file = QemuTools.convert(
                raw,
                "raw",
                folder.resolve("disk.qcow2"),
                "qcow2",
                "-c",
                "-o",
                "extended_l2=on,cluster_size=" + CLUSTER);
        work(file, image -> TestImages.write(image, 5L * SUBCLUSTER, filled(SUBCLUSTER, 8)));
        Assertions.assertThat(entry(file, 0).bitmap()).isEqualTo(SubclusterBitmap.ALL_ALLOCATED);
        byte[] expected = filled(SIZE, 6);
        Arrays.fill(expected, 5 * SUBCLUSTER, 6 * SUBCLUSTER, (byte) 8);
        assertThat(file).passesQemuCheck().passesAudit().holdsForQemu(ModelDisk.of(expected));
    }

    /** The first subcluster of the cluster is new, the others are written where they are, half of them before the failure. */
    @Test
    void whatARefusedWriteLeavesIsDurableAfterAFlush() throws IOException {
        Path file = create(folder.resolve("base.raw"));
        CrashingHostFiles memory = new CrashingHostFiles();
        FaultyHostFiles files = new FaultyHostFiles(memory);
        byte[] left;
        CrashStates states;
        int end;
        try (DiskImage image = DiskImage.open(file, ImageOptions.defaults(), TestImages.environment(files))) {
            TestImages.write(image, SUBCLUSTER, filled(CLUSTER - SUBCLUSTER, 7));
            image.flush();
            files.failAfter(0, 1, ImageException.Kind.NO_SPACE);
            assertThatThrownBy(() -> TestImages.write(image, 0, filled(CLUSTER, 9)))
                    .isInstanceOf(ImageException.class);
            left = TestImages.read(image, 0, SIZE);
            image.flush();
            end = memory.logLength();
            states = new CrashStates(memory);
        }
        Assertions.assertThat(left[0]).isEqualTo((byte) 5);
        Assertions.assertThat(left[SUBCLUSTER]).isEqualTo((byte) 9);
        Assertions.assertThat(left[CLUSTER - 1]).isEqualTo((byte) 7);
        for (CrashState state : states.choose(60, new SplittableRandom(1))) {
            Map<Path, byte[]> crashed = states.files(state);
            if (state.point() == end) {
                ImageEnvironment environment = TestImages.environment(new CrashingHostFiles(crashed));
                try (DiskImage image = DiskImage.open(file, TestImages.readOnly(), environment)) {
                    Assertions.assertThat(TestImages.read(image, 0, SIZE))
                            .as(state.toString())
                            .isEqualTo(left);
                }
            }
        }
    }

    /** Added to an entry with one subcluster in its cluster: a fault each. */
    @ParameterizedTest
    @CsvSource({
        "0,             0x400000000, both allocated and zero",
        "1,             0,           the zero flag of plain entries",
        "0x0200,        0,           no cluster's offset",
        "0x4000000000000000, 0,      compressed with a bitmap"
    })
    void whatNoClusterCanHaveIsCorrupt(long addedToDescriptor, long addedToBitmap, String what) throws IOException {
        Path file = create(folder.resolve("base.raw"));
        work(file, image -> TestImages.write(image, 2L * SUBCLUSTER, filled(SUBCLUSTER, 7)));
        ExtendedL2Entry sound = entry(file, 0);
        setEntry(file, new ExtendedL2Entry(sound.descriptor() | addedToDescriptor, sound.bitmap() | addedToBitmap));
        assertCorrupt(file, what);
    }

    @Test
    void allocatedSubclustersWithoutAClusterAreCorrupt() throws IOException {
        Path file = create(folder.resolve("base.raw"));
        work(file, image -> TestImages.write(image, 0, filled(SUBCLUSTER, 7)));
        setEntry(file, new ExtendedL2Entry(0, 1));
        assertCorrupt(file, "allocated nowhere");
    }

    private static void assertCorrupt(Path file, String what) throws IOException {
        try (DiskImage image = TestImages.openReadOnly(file)) {
            assertThatThrownBy(() -> TestImages.read(image, 0, 512))
                    .as(what)
                    .isInstanceOfSatisfying(
                            ImageException.class,
                            refusal -> Assertions.assertThat(refusal.kind()).isEqualTo(ImageException.Kind.CORRUPT));
        }
    }

    private Path create(Path base) throws IOException {
        Files.write(base, filled(SIZE, 5));
        Path file = folder.resolve(base.getFileName() + ".qcow2");
        ImageCreator.create(
                file,
                new CreateOptions(
                                ImageFormat.QCOW2,
                                null,
                                CLUSTER,
                                base.getFileName().toString(),
                                ImageFormat.RAW,
                                16,
                                CreateOptions.CompressionType.ZLIB,
                                3)
                        .withExtendedL2(true),
                TestEnvironments.plain());
        return file;
    }

    private static void work(Path file, Requests requests) throws IOException {
        try (DiskImage image = TestImages.open(file)) {
            requests.send(image);
        }
    }

    private static ExtendedL2Entry entry(Path file, int cluster) throws IOException {
        ByteBuffer words = ByteBuffer.allocate(16);
        try (FileChannel channel = FileChannel.open(file, StandardOpenOption.READ)) {
            channel.read(words, table(channel) + 16L * cluster);
        }
        return new ExtendedL2Entry(words.getLong(0), words.getLong(8));
    }

    private static void setEntry(Path file, ExtendedL2Entry entry) throws IOException {
        ByteBuffer words =
                ByteBuffer.allocate(16).putLong(0, entry.descriptor()).putLong(8, entry.bitmap());
        try (FileChannel channel = FileChannel.open(file, StandardOpenOption.READ, StandardOpenOption.WRITE)) {
            channel.write(words, table(channel));
        }
    }

    private static long table(FileChannel channel) throws IOException {
        return number(channel, number(channel, 40)) & OFFSET_MASK;
    }

    private static long number(FileChannel channel, long position) throws IOException {
        ByteBuffer number = ByteBuffer.allocate(Long.BYTES);
        channel.read(number, position);
        return number.getLong(0);
    }

    /** A subcluster of each value. */
    private static byte[] joined(int... values) {
        byte[] bytes = new byte[values.length * SUBCLUSTER];
        for (int index = 0; index < values.length; index++) {
            Arrays.fill(bytes, index * SUBCLUSTER, (index + 1) * SUBCLUSTER, (byte) values[index]);
        }
        return bytes;
    }
}
