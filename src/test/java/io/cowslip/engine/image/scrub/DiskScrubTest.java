package io.cowslip.engine.image.scrub;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import io.cowslip.engine.ImageException;
import io.cowslip.engine.host.HostFiles;
import io.cowslip.engine.image.DiskImage;
import io.cowslip.engine.image.RandomRecipes;
import io.cowslip.engine.image.layer.LayerStats;
import io.cowslip.engine.image.options.ImageOptions;
import io.cowslip.engine.image.scrub.ScrubFinding.Kind;
import io.cowslip.testing.BadSectorFiles;
import io.cowslip.testing.DiskRecipe;
import io.cowslip.testing.EncryptedImages;
import io.cowslip.testing.NeedsQemu;
import io.cowslip.testing.Processes;
import io.cowslip.testing.QemuTools;
import io.cowslip.testing.Seeds;
import io.cowslip.testing.TestImages;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;
import java.util.TreeSet;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.LongStream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

/** What a scrub finds is what QEMU cannot read either, cluster by cluster. */
@NeedsQemu
@Tag("long")
class DiskScrubTest {
    private static final int KIB = 1 << 10;
    private static final int MIB = 1 << 20;
    private static final int CLUSTER = 64 * KIB;
    private static final Pattern READ = Pattern.compile("read \\d+/\\d+ bytes at offset (\\d+)");

    private final BadSectorFiles files = new BadSectorFiles(HostFiles.posix());

    @TempDir
    Path folder;

    static LongStream seeds() {
        return Seeds.seeds(6, 150);
    }

    private ScrubReport scrub(Path image, ImageOptions options, boolean snapshots, boolean chain) throws IOException {
        try (DiskImage disk = DiskImage.open(image, options.withReadOnly(true), TestImages.environment(files))) {
            return scrub(disk, snapshots, chain);
        }
    }

    static ScrubReport scrub(DiskImage disk, boolean snapshots, boolean chain) throws IOException {
        DiskScrub scrub = new DiskScrub(snapshots, chain, DiskScrub.STEP_BYTES);
        while (scrub.step(disk)) {
            assertThat(scrub.doneBytes()).isLessThanOrEqualTo(scrub.totalBytes());
        }
        assertThat(scrub.doneBytes()).isEqualTo(scrub.totalBytes());
        return scrub.report();
    }

    private ScrubReport scrub(Path image) throws IOException {
        return scrub(image, ImageOptions.defaults(), false, false);
    }

    private static List<Long> offsets(ScrubReport report) {
        return report.findings().stream().map(ScrubFinding::guestOffset).toList();
    }

    /** The clusters that {@code qemu-io} cannot read. */
    private static List<Long> unreadByQemu(String format, String image, long diskBytes, int clusterBytes) {
        List<String> arguments = new ArrayList<>(List.of("-r", "-f", format));
        TreeSet<Long> unread = new TreeSet<>();
        for (long offset = 0; offset < diskBytes; offset += clusterBytes) {
            unread.add(offset);
            arguments.add("-c");
            arguments.add("read " + offset + " " + Math.min(clusterBytes, diskBytes - offset));
        }
        arguments.add(image);
        Processes.Output output = QemuTools.io(arguments);
        Matcher read = READ.matcher(output.out());
        while (read.find()) {
            unread.remove(Long.parseLong(read.group(1)));
        }
        assertThat(output.exitCode()).as(output.err()).isEqualTo(unread.isEmpty() ? 0 : 1);
        return List.copyOf(unread);
    }

    /** An image as QEMU sees it through the same bad sectors. */
    private String throughBadSectors(Path image) {
        StringBuilder rules = new StringBuilder();
        for (long sector : files.sectors()) {
            rules.append(rules.isEmpty() ? "" : ", ")
                    .append("{\"event\": \"none\", \"iotype\": \"read\", \"errno\": 5, \"sector\": ")
                    .append(sector)
                    .append('}');
        }
        return "json:{\"driver\": \"qcow2\", \"file\": {\"driver\": \"blkdebug\", \"inject-error\": [" + rules
                + "], \"image\": {\"driver\": \"file\", \"filename\": \"" + image + "\"}}}";
    }

    private Path compressed(String type, long seed, int clusters) throws IOException {
        SplittableRandom random = new SplittableRandom(seed);
        byte[] bytes = new byte[clusters * CLUSTER];
        for (int i = 0; i < bytes.length; i++) {
            bytes[i] = (byte) (random.nextInt(4) + i / CLUSTER);
        }
        Path raw = Files.write(folder.resolve("content.raw"), bytes);
        return QemuTools.convert(
                raw, "raw", folder.resolve(type + ".qcow2"), "qcow2", "-c", "-o", "compression_type=" + type);
    }

    private static void overwrite(Path file, long offset, byte[] bytes) throws IOException {
        try (RandomAccessFile opened = new RandomAccessFile(file.toFile(), "rw")) {
            opened.seek(offset);
            opened.write(bytes);
        }
    }

    private static void truncate(Path file, long sizeBytes) throws IOException {
        try (RandomAccessFile opened = new RandomAccessFile(file.toFile(), "rw")) {
            opened.setLength(sizeBytes);
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"zlib", "zstd"})
    void everyCompressedClusterIsDecompressed(String type) throws IOException {
        ScrubReport report = scrub(compressed(type, 1, 40));
        assertThat(report.findings()).isEmpty();
        assertThat(report.unreadable()).isZero();
        assertThat(report.clusters()).isEqualTo(40);
        assertThat(report.compressedClusters()).isEqualTo(40);
    }

    @ParameterizedTest(name = "seed {0}")
    @MethodSource("seeds")
    void damagedCompressedClustersAreThoseThatQemuCannotRead(long seed) throws IOException {
        SplittableRandom random = new SplittableRandom(seed);
        Path image = compressed(random.nextBoolean() ? "zlib" : "zstd", seed, 40);
        long dataStart = 5 * CLUSTER;
        int pieces = random.nextInt(1, 6);
        for (int piece = 0; piece < pieces; piece++) {
            byte[] damage = new byte[random.nextInt(1, 3000)];
            random.nextBytes(damage);
            overwrite(image, random.nextLong(dataStart, Files.size(image) - damage.length), damage);
        }
        ScrubReport report = scrub(image);
        assertThat(offsets(report))
                .as(Seeds.replay(getClass(), seed))
                .isEqualTo(unreadByQemu("qcow2", image.toString(), 40 * CLUSTER, CLUSTER));
        assertThat(report.findings()).allMatch(finding -> finding.kind() == Kind.UNDECODABLE);
        assertThat(report.clusters()).isEqualTo(40 - report.unreadable());
    }

    @ParameterizedTest(name = "seed {0}")
    @MethodSource("seeds")
    void badSectorsAreThoseThatQemuCannotReadEither(long seed) throws IOException {
        SplittableRandom random = new SplittableRandom(seed);
        int clusterBytes = CLUSTER >> random.nextInt(5);
        DiskRecipe recipe = DiskRecipe.plain(clusterBytes, 2 * MIB, 40);
        boolean extended = clusterBytes >= 16 * KIB && random.nextBoolean();
        Path image = (extended ? recipe.withExtendedL2() : recipe)
                .make(folder, random)
                .disk()
                .file();
        for (int sector = 0; sector < 6; sector++) {
            // Past the header and what it leads to: otherwise nobody would even open the image.
            files.spoil(random.nextLong(Math.max(CLUSTER, 6L * clusterBytes), Files.size(image)));
        }
        List<Long> unread = unreadByQemu("qcow2", throughBadSectors(image), 2 * MIB, clusterBytes);
        ScrubReport report = scrub(image);
        List<Long> expanded = report.findings().stream()
                .flatMapToLong(finding -> LongStream.iterate(
                        finding.guestOffset(),
                        offset -> offset < finding.guestOffset() + finding.lengthBytes(),
                        offset -> offset + clusterBytes))
                .boxed()
                .toList();
        assertThat(expanded).as(Seeds.replay(getClass(), seed)).containsAll(unread);
        // What is unread here and not by QEMU is a part of a table that has nothing for the cluster.
        assertThat(report.findings().stream().filter(finding -> finding.kind() == Kind.UNREADABLE))
                .allMatch(finding -> unread.contains(finding.guestOffset()));
    }

    @Test
    void clustersBehindTheEndOfATruncatedFileAreFound() throws IOException {
        Path image = QemuTools.create(folder.resolve("cut.qcow2"), 4 * MIB, "");
        QemuTools.edit(image, "write -P 1 0 4M");
        truncate(image, Files.size(image) - 20 * CLUSTER - 512);
        ScrubReport report = scrub(image);
        assertThat(offsets(report))
                .isEqualTo(
                        LongStream.range(44, 64).map(n -> n * CLUSTER).boxed().toList());
        assertThat(report.unreadable()).isEqualTo(QemuTools.check(image).corruptions());
        assertThat(report.findings()).allSatisfy(finding -> {
            assertThat(finding.kind()).isEqualTo(Kind.OUTSIDE_FILE);
            assertThat(finding.file()).isEqualTo(image);
            assertThat(finding.lengthBytes()).isEqualTo(CLUSTER);
            assertThat(finding.hostOffset()).isGreaterThanOrEqualTo(Files.size(image));
        });
        assertThat(report.clusters()).isEqualTo(44);
    }

    @Test
    void aTableThatCannotBeReadTakesWhatItMaps() throws IOException {
        Path image = QemuTools.create(folder.resolve("table.qcow2"), 8 * MIB, "cluster_size=4k");
        QemuTools.edit(image, "write -P 1 0 8M");
        long second = l2Table(image, 1);
        files.spoil(second + 2048);
        ScrubReport report = scrub(image);
        assertThat(report.findings()).singleElement().satisfies(finding -> {
            assertThat(finding.kind()).isEqualTo(Kind.UNREADABLE_TABLE);
            assertThat(finding.guestOffset()).isEqualTo(2 * MIB);
            assertThat(finding.lengthBytes()).isEqualTo(2 * MIB);
            assertThat(finding.hostOffset()).isEqualTo(second);
            assertThat(finding.active()).isTrue();
        });
        assertThat(report.unreadableBytes()).isEqualTo(2 * MIB);
        assertThat(report.clusters()).isEqualTo(6 * MIB / 4096);
    }

    private static long l2Table(Path image, int index) throws IOException {
        try (RandomAccessFile file = new RandomAccessFile(image.toFile(), "r")) {
            file.seek(40);
            file.seek(file.readLong() + 8L * index);
            return file.readLong() & 0x00FF_FFFF_FFFF_FE00L;
        }
    }

    @Test
    void entriesThatNoClusterCanHaveAreFound() throws IOException {
        Path image = QemuTools.create(folder.resolve("entries.qcow2"), 4 * MIB, "");
        QemuTools.edit(image, "write -P 1 0 4M");
        long table = l2Table(image, 0);
        overwrite(image, table + 3 * 8 + 6, new byte[] {2});
        overwrite(image, table + 9 * 8, new byte[] {0, 0x70});
        ScrubReport report = scrub(image);
        assertThat(offsets(report)).containsExactly(3L * CLUSTER, 9L * CLUSTER);
        assertThat(report.findings().get(0).kind()).isEqualTo(Kind.UNSOUND_ENTRY);
        assertThat(report.findings().get(1).kind()).isEqualTo(Kind.OUTSIDE_FILE);
    }

    @Test
    void snapshotsAreNamedThatHaveWhatCannotBeRead() throws IOException {
        Path image = QemuTools.create(folder.resolve("snapshots.qcow2"), 4 * MIB, "");
        QemuTools.edit(image, "write -P 1 0 1M");
        QemuTools.img("snapshot", "-c", "one", image.toString()).succeeded();
        QemuTools.edit(image, "write -P 2 0 64k", "write -P 2 2M 64k");
        QemuTools.img("snapshot", "-c", "two", image.toString()).succeeded();
        QemuTools.edit(image, "write -P 3 64k 64k", "write -P 3 2M 64k");
        files.spoil(hostOffset(image, "one", 0));
        files.spoil(hostOffset(image, "one", 128 * KIB));
        files.spoil(hostOffset(image, "two", 2 * MIB) + 4096);
        files.spoil(hostOffset(image, null, 64 * KIB));

        ScrubReport active = scrub(image);
        assertThat(active.findings().stream().map(DiskScrubTest::brief))
                .containsExactly("65536 active", "131072 active");
        assertThat(active.clusters()).isEqualTo(15);

        ScrubReport all = scrub(image, ImageOptions.defaults(), true, false);
        assertThat(all.findings().stream().map(DiskScrubTest::brief))
                .containsExactly("0 one", "65536 active", "131072 active two one", "2097152 two");
        assertThat(all.unreadable()).isEqualTo(4);
        // 16 of the first, 2 of the second, 2 of the third state.
        assertThat(all.clusters()).isEqualTo(20 - 4);
    }

    private static String brief(ScrubFinding finding) {
        return finding.guestOffset()
                + (finding.active() ? " active" : "")
                + (finding.snapshots().isEmpty() ? "" : " " + String.join(" ", finding.snapshots()));
    }

    private long hostOffset(Path image, @Nullable String snapshot, long guestOffset) throws IOException {
        ImageOptions options =
                snapshot == null ? TestImages.readOnly() : TestImages.readOnly().withSnapshot(snapshot);
        try (DiskImage disk = DiskImage.open(image, options, TestImages.environment(HostFiles.posix()))) {
            return disk.mapAt(guestOffset, 1).hostOffset();
        }
    }

    @Test
    void layersBelowAreReadWhereAskedFor() throws IOException {
        Path base = Files.write(folder.resolve("base.raw"), TestImages.filled(2 * MIB, 7));
        Path middle = QemuTools.createOver(folder.resolve("middle.qcow2"), "base.raw", "raw", -1, "");
        QemuTools.edit(middle, "write -P 1 0 64k");
        Path top = QemuTools.createOver(folder.resolve("top.qcow2"), "middle.qcow2", "qcow2", -1, "");
        QemuTools.edit(top, "write -P 2 0 128k");
        files.spoil(MIB + 100_000);
        assertThat(scrub(top).bytes()).isEqualTo(2 * CLUSTER);
        ScrubReport chain = scrub(top, ImageOptions.defaults(), false, true);
        assertThat(chain.clusters()).isEqualTo(3);
        assertThat(chain.bytes()).isEqualTo(3 * CLUSTER + 2 * MIB - CLUSTER);
        assertThat(chain.findings()).singleElement().satisfies(finding -> {
            assertThat(finding.file()).isEqualTo(base);
            assertThat(finding.depth()).isEqualTo(2);
            assertThat(finding.guestOffset()).isEqualTo(MIB + CLUSTER);
            assertThat(finding.hostOffset()).isEqualTo(MIB + CLUSTER);
            assertThat(finding.kind()).isEqualTo(Kind.UNREADABLE);
        });
    }

    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void anExternalDataFileIsRead(boolean raw) throws IOException {
        Path data = folder.resolve("disk.data");
        Path image = QemuTools.create(
                folder.resolve("disk.qcow2"), 2 * MIB, "data_file=" + data + (raw ? ",data_file_raw=on" : ""));
        QemuTools.edit(image, "write -P 1 0 1M");
        // With a raw data file QEMU gives every cluster its place.
        assertThat(scrub(image).clusters()).isEqualTo(raw ? 32 : 16);
        files.spoil(5L * CLUSTER + 10);
        // The image itself ends before that place.
        assertThat(scrub(image).findings()).singleElement().satisfies(finding -> {
            assertThat(finding.file()).isEqualTo(data);
            assertThat(finding.guestOffset()).isEqualTo(5L * CLUSTER);
            assertThat(finding.hostOffset()).isEqualTo(5L * CLUSTER);
        });
        truncate(data, 10 * CLUSTER);
        assertThat(offsets(scrub(image)))
                .isEqualTo(LongStream.concat(LongStream.of(5), LongStream.range(10, raw ? 32 : 16))
                        .map(n -> n * CLUSTER)
                        .boxed()
                        .toList());
    }

    @Test
    void anEncryptedDiskIsRead() throws IOException {
        Path image = EncryptedImages.make(folder.resolve("luks.qcow2"), 2 * MIB);
        try (DiskImage disk =
                DiskImage.open(image, EncryptedImages.options(), TestImages.environment(HostFiles.posix()))) {
            TestImages.write(disk, 0, TestImages.filled(MIB, 1));
            ScrubReport report = scrub(disk, true, true);
            assertThat(report.clusters()).isEqualTo(16);
            assertThat(report.findings()).isEmpty();
        }
    }

    @Test
    void compressedGrainsOfAnotherFormatAreDecompressed() throws IOException {
        Path image = QemuTools.convert(
                compressed("zlib", 3, 40),
                "qcow2",
                folder.resolve("disk.vmdk"),
                "vmdk",
                "-o",
                "subformat=streamOptimized");
        assertThat(scrub(image).findings()).isEmpty();
        overwrite(image, Files.size(image) / 2, new byte[4000]);
        List<Long> unread = unreadByQemu("vmdk", image.toString(), 40 * CLUSTER, CLUSTER);
        assertThat(offsets(scrub(image))).isNotEmpty().isEqualTo(unread);
    }

    @Test
    void imagesOfEveryKindAreReadWhole() throws IOException {
        for (long seed : seeds().limit(Seeds.longRun() ? 100 : 4).toArray()) {
            SplittableRandom random = new SplittableRandom(seed);
            Path own = Files.createDirectory(folder.resolve("s" + seed));
            Path image = RandomRecipes.recipe(random).make(own, random).disk().file();
            ScrubReport report = scrub(image, ImageOptions.defaults(), true, true);
            assertThat(report.findings()).as(Seeds.replay(getClass(), seed)).isEmpty();
            assertThat(scrub(image).compressedClusters())
                    .as(Seeds.replay(getClass(), seed))
                    .isEqualTo(QemuTools.compressedClusters(image));
        }
    }

    @ParameterizedTest
    @CsvSource({"512", "4096", "65536", "2097152"})
    void theListIsBoundedAndTheCountIsNot(int clusterBytes) throws IOException {
        int clusters = clusterBytes == 2 * MIB ? 8 : 1500;
        Path image = QemuTools.create(
                folder.resolve("many.qcow2"), (long) clusters * clusterBytes, "cluster_size=" + clusterBytes);
        try (DiskImage disk = TestImages.open(image)) {
            for (long offset = 0; offset < disk.virtualSizeBytes(); offset += MIB) {
                int length = (int) Math.min(MIB, disk.virtualSizeBytes() - offset);
                TestImages.write(disk, offset, TestImages.filled(length, 1));
            }
        }
        assertThat(scrub(image).clusters()).isEqualTo(clusters);
        try (DiskImage disk = DiskImage.open(image, TestImages.readOnly(), TestImages.environment(files))) {
            for (long offset = 0; offset < disk.virtualSizeBytes(); offset += clusterBytes) {
                files.spoil(disk.mapAt(offset, 1).hostOffset());
            }
            ScrubReport report = scrub(disk, false, false);
            assertThat(report.unreadable()).isEqualTo(clusters);
            assertThat(report.findings()).hasSize(Math.min(clusters, ScrubTally.MAX_FINDINGS));
            assertThat(report.findingsOmitted()).isEqualTo(Math.max(0, clusters - ScrubTally.MAX_FINDINGS));
            assertThat(report.unreadableBytes()).isEqualTo((long) clusters * clusterBytes);
        }
    }

    @Test
    void theDrivesCacheStaysAsItIs() throws IOException {
        Path image = QemuTools.create(folder.resolve("cached.qcow2"), 256 * MIB, "cluster_size=4k");
        try (DiskImage disk =
                DiskImage.open(image, TestImages.smallestCaches(4096), TestImages.environment(HostFiles.posix()))) {
            for (long offset = 0; offset < 256L * MIB; offset += 2 * MIB) {
                TestImages.write(disk, offset, TestImages.filled(8192, 1));
            }
            disk.flush();
            TestImages.read(disk, 0, 4096);
            LayerStats before = disk.layers().getFirst();
            assertThat(scrub(disk, false, false).clusters()).isEqualTo(256);
            assertThat(disk.layers().getFirst()).isEqualTo(before);
        }
    }

    @Test
    void aSnapshotBesideAWriterIsReadAlone() throws IOException {
        Path image = QemuTools.create(folder.resolve("beside.qcow2"), 4 * MIB, "");
        try (DiskImage writer = TestImages.open(image)) {
            TestImages.write(writer, 0, TestImages.filled(MIB, 1));
            writer.snapshots().create("one", 0, 0);
            try (DiskImage beside = writer.openSnapshot(TestImages.readOnly().withSnapshot("one"))) {
                TestImages.write(writer, 0, TestImages.filled(2 * MIB, 2));
                assertThat(scrub(beside, false, false).clusters()).isEqualTo(16);
                assertThatExceptionOfType(ImageException.class)
                        .isThrownBy(() -> scrub(beside, true, false))
                        .satisfies(refusal -> assertThat(refusal.option()).isEqualTo("snapshots"));
            }
            assertThat(scrub(writer, true, false).clusters()).isEqualTo(48);
        }
    }
}
