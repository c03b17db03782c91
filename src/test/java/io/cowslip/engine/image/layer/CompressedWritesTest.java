package io.cowslip.engine.image.layer;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import io.cowslip.engine.ImageException;
import io.cowslip.engine.host.HostFiles;
import io.cowslip.engine.image.DiskImage;
import io.cowslip.engine.image.TestEnvironments;
import io.cowslip.engine.image.options.ImageFormat;
import io.cowslip.engine.image.options.ImageOptions;
import io.cowslip.engine.image.options.WriteOptions;
import io.cowslip.testing.EncryptedImages;
import io.cowslip.testing.ImageAssertions;
import io.cowslip.testing.ModelDisk;
import io.cowslip.testing.NeedsQemu;
import io.cowslip.testing.QemuTools;
import io.cowslip.testing.RefcountAudit;
import io.cowslip.testing.TestImages;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.SplittableRandom;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** What {@code compress} makes of writes, and where it puts them. */
@NeedsQemu
final class CompressedWritesTest {
    private static final int CLUSTER = 65536;
    private static final int DISK = 64 * CLUSTER;
    private static final long METADATA = 5L * CLUSTER;

    @TempDir
    Path folder;

    private final ModelDisk model = ModelDisk.ofZeros(DISK);
    private Path file = Path.of("image");

    @ParameterizedTest
    @ValueSource(strings = {"compression_type=zlib", "compression_type=zstd", "compat=0.10", "extended_l2=on"})
    void wholeClustersArePackedOneBehindTheOther(String options) throws IOException {
        create(options);
        try (DiskImage image = open()) {
            // Half a cluster and a bit each: two do not fit into one cluster of the file, three into two.
            write(image, 0, text(DISK, 33, 1));
        }
        assertSound(64);
        assertThat(Files.size(file)).isBetween(METADATA + DISK / 2, METADATA + DISK * 2 / 3);
    }

    @Test
    void theLastPartOfTheDiskCountsAsWhole() throws IOException {
        file = QemuTools.create(folder.resolve("image"), DISK - 1536, "");
        try (DiskImage image = open()) {
            write(image, 62 * CLUSTER, text(2 * CLUSTER - 1536, 8, 1));
        }
        assertThat(QemuTools.compressedClusters(file)).isEqualTo(2);
        ImageAssertions.assertThat(file).passesQemuCheck().holdsForQemu(ModelDisk.of(model.read(0, DISK - 1536)));
    }

    @Test
    void noiseStaysPlainAndZerosTakeNothing() throws IOException {
        create("");
        try (DiskImage image = open()) {
            byte[] mixed = new byte[9 * CLUSTER];
            byte[] noise = noise(3 * CLUSTER, 2);
            System.arraycopy(noise, 0, mixed, 0, 2 * CLUSTER);
            System.arraycopy(text(2 * CLUSTER, 4, 3), 0, mixed, 3 * CLUSTER, 2 * CLUSTER);
            System.arraycopy(noise, 2 * CLUSTER, mixed, 8 * CLUSTER, CLUSTER);
            write(image, 10 * CLUSTER, mixed);
        }
        assertSound(2);
        assertThat(Files.size(file)).isLessThan(METADATA + 5 * CLUSTER);
        assertThat(QemuTools.map(file).stream()
                        .filter(QemuTools.MapEntry::data)
                        .mapToLong(QemuTools.MapEntry::length)
                        .sum())
                .isEqualTo(5 * CLUSTER);
    }

    /** A cluster of zeros in version 2 lets go of what was there, or is compressed where a backing file shows through. */
    @Test
    void version2TellsZerosWithoutAFlag() throws IOException {
        create("compat=0.10");
        try (DiskImage image = open()) {
            write(image, 0, text(3 * CLUSTER, 4, 3));
            write(image, CLUSTER, new byte[CLUSTER]);
        }
        assertSound(2);
        Path base = QemuTools.create(folder.resolve("base"), DISK, "");
        QemuTools.edit(base, "write -P 9 0 1M");
        file = QemuTools.createOver(folder.resolve("over"), "base", "qcow2", DISK, "compat=0.10");
        byte[] nines = new byte[1 << 20];
        Arrays.fill(nines, (byte) 9);
        model.write(0, nines);
        try (DiskImage image = open()) {
            write(image, CLUSTER, new byte[2 * CLUSTER]);
        }
        assertSound(2);
    }

    @Test
    void partsAreMergedUnlessTheClusterHasPlainDataOfItsOwn() throws IOException {
        create("");
        try (DiskImage image = open()) {
            write(image, 1000, text(5000, 8, 1));
            image.zero(CLUSTER, CLUSTER);
            write(image, CLUSTER + 3, text(77, 8, 2));
            write(image, 2 * CLUSTER, text(CLUSTER, 8, 3));
            write(image, 2 * CLUSTER + 4096, text(4096, 8, 4));
            write(image, 3 * CLUSTER, noise(CLUSTER, 5));
            write(image, 3 * CLUSTER + 4096, text(4096, 8, 6));
            write(image, 5 * CLUSTER - 2000, text(4000, 8, 7));
        }
        assertSound(5);
        List<QemuTools.MapEntry> data =
                QemuTools.map(file).stream().filter(QemuTools.MapEntry::data).toList();
        assertThat(data.stream().mapToLong(QemuTools.MapEntry::length).sum()).isEqualTo(6 * CLUSTER);
    }

    /** What a snapshot shares is not written in place, so it is merged and compressed as well. */
    @Test
    void partsOfWhatASnapshotSharesAreMerged() throws IOException {
        create("");
        byte[] before = text(4 * CLUSTER, 8, 1);
        try (DiskImage image = DiskImage.open(file, ImageOptions.defaults(), TestEnvironments.plain())) {
            write(image, 0, before);
            image.snapshots().create("before", 0, 0);
        }
        try (DiskImage image = open()) {
            write(image, 100, text(CLUSTER, 8, 2));
            image.snapshots().create("between", 0, 0);
            write(image, CLUSTER, text(CLUSTER, 8, 3));
            image.snapshots().delete("between");
        }
        assertSound(2);
        try (DiskImage image = open()) {
            image.snapshots().revert("before");
            assertThat(TestImages.read(image, 0, before.length)).isEqualTo(before);
        }
        model.write(0, before);
        assertSound(0);
    }

    @ParameterizedTest
    @CsvSource({"1, 16", "2, 6", "4, 2", "16, 1"})
    void countsDoNotRunOver(int refcountBits, int fewestClusters) throws IOException {
        create("refcount_bits=" + refcountBits);
        try (DiskImage image = open()) {
            // A twentieth of a cluster each.
            for (int cluster = 0; cluster < 16; cluster++) {
                byte[] bytes = new byte[CLUSTER];
                System.arraycopy(noise(3200, cluster), 0, bytes, 0, 3200);
                write(image, cluster * CLUSTER, bytes);
            }
        }
        assertSound(16);
        assertThat(Files.size(file))
                .isBetween((fewestClusters - 1L) * CLUSTER, METADATA + fewestClusters * (long) CLUSTER);
    }

    /** Once the cluster being filled is nobody's, others may get it, and nothing more goes into it. */
    @Test
    void aClusterThatWasGivenUpIsFilledNoFurther() throws IOException {
        create("");
        try (DiskImage image = open()) {
            for (int round = 0; round < 8; round++) {
                write(image, 0, text(CLUSTER, 8, round));
                image.discard(0, CLUSTER);
                model.zero(0, CLUSTER);
                image.flush();
                // The first takes the freed cluster back, the second may get it.
                write(image, (2 * round + 1) * CLUSTER, noise(CLUSTER, round));
                write(image, (2 * round + 2) * CLUSTER, noise(CLUSTER, 90 + round));
                write(image, (40 + round) * CLUSTER, text(CLUSTER, 8, round));
            }
            ImageAssertions.assertThat(image).readsAs(model);
        }
        assertSound(8);
    }

    /** What is overwritten is used again: the file does not go on growing. */
    @Test
    void overwritingReplaces() throws IOException {
        create("");
        List<Long> sizes = new ArrayList<>();
        for (int round = 0; round < 8; round++) {
            try (DiskImage image = open()) {
                write(image, 0, text(8 * CLUSTER, 8, round));
                image.flush();
                write(image, 0, round % 2 == 0 ? noise(8 * CLUSTER, round) : text(8 * CLUSTER, 8, 50 + round));
            }
            assertSound(round % 2 == 0 ? 0 : 8);
            sizes.add(Files.size(file));
        }
        assertThat(sizes.subList(3, 8)).containsOnly(sizes.get(3));
    }

    @Test
    void itChangesWhileOpen() throws IOException {
        create("");
        try (DiskImage image = TestImages.open(file)) {
            write(image, 0, text(CLUSTER, 8, 1));
            image.reconfigure(image.options().withWrites(WriteOptions.DEFAULTS.withCompress(true)));
            write(image, CLUSTER, text(2 * CLUSTER, 8, 2));
            image.reconfigure(image.options().withWrites(WriteOptions.DEFAULTS));
            write(image, 4 * CLUSTER, text(CLUSTER, 8, 3));
        }
        assertSound(2);
    }

    @Test
    void isRefusedWhereNothingCanBeCompressed() throws IOException {
        Path raw = Files.write(folder.resolve("raw"), new byte[CLUSTER]);
        refuses(raw, compressing().withFormat(ImageFormat.RAW), "raw");
        Path data = QemuTools.create(folder.resolve("data"), DISK, "data_file=" + folder.resolve("data.raw"));
        refuses(data, compressing(), "another file");
        Path encrypted = EncryptedImages.make(folder.resolve("luks"), DISK, CLUSTER, "xts", null);
        refuses(encrypted, EncryptedImages.options().withWrites(WriteOptions.DEFAULTS.withCompress(true)), "encrypted");
        try (DiskImage image = DiskImage.open(data, ImageOptions.defaults(), TestEnvironments.plain())) {
            refused("another file", () -> image.reconfigure(compressing()));
            TestImages.write(image, 0, new byte[] {1});
        }
        try (DiskImage image = DiskImage.open(
                raw, compressing().withFormat(ImageFormat.RAW).withReadOnly(true), TestEnvironments.plain())) {
            refused("raw", () -> image.reconfigure(image.options().withReadOnly(false)));
            assertThat(TestImages.read(image, 0, 1)).containsExactly(0);
        }
    }

    private void refuses(Path image, ImageOptions options, String why) {
        refused(
                why,
                () -> DiskImage.open(image, options, TestEnvironments.plain()).close());
    }

    private static void refused(String why, org.assertj.core.api.ThrowableAssert.ThrowingCallable call) {
        assertThatExceptionOfType(ImageException.class)
                .isThrownBy(call)
                .withMessageContaining(why)
                .satisfies(refused -> assertThat(refused.option()).isEqualTo("compress"));
    }

    /** Counts that call a table's cluster free do not cost the table. */
    @Test
    void aTableThatIsCountedAsFreeIsNotWrittenOver() throws IOException {
        create("");
        byte[] image = Files.readAllBytes(file);
        long block = ByteBuffer.wrap(image).getLong((int) ByteBuffer.wrap(image).getLong(48));
        try (FileChannel channel = FileChannel.open(file, StandardOpenOption.WRITE)) {
            channel.write(ByteBuffer.allocate(512), block);
        }
        DiskImage damaged = open();
        assertThatExceptionOfType(ImageException.class)
                .isThrownBy(() -> TestImages.write(damaged, 0, text(CLUSTER, 8, 1)))
                .satisfies(refused -> assertThat(refused.kind()).isEqualTo(ImageException.Kind.CORRUPT));
        assertThatExceptionOfType(ImageException.class).isThrownBy(damaged::close);
        byte[] after = Files.readAllBytes(file);
        assertThat(Arrays.copyOf(after, 72)).isEqualTo(Arrays.copyOf(image, 72));
    }

    /** Neighbours in a sector of the file, written by many at once, past the page cache and through it. */
    @ParameterizedTest
    @ValueSource(booleans = {true, false})
    void neighboursInTheFileDoNotTearEachOther(boolean direct) throws Exception {
        create("cluster_size=4096");
        int writers = 6;
        try (DiskImage image = DiskImage.open(file, compressing().withCacheDirect(direct), TestEnvironments.plain());
                ExecutorService threads = Executors.newFixedThreadPool(writers)) {
            List<Callable<Void>> work = new ArrayList<>();
            for (int writer = 0; writer < writers; writer++) {
                int mine = writer;
                work.add(() -> {
                    for (int round = 0; round < 60; round++) {
                        int cluster = round * writers + mine;
                        byte[] bytes = text(4096, 8, cluster);
                        TestImages.write(image, cluster * 4096L, bytes);
                        assertThat(TestImages.read(image, cluster * 4096L, 4096))
                                .isEqualTo(bytes);
                    }
                    return null;
                });
            }
            for (Future<Void> done : threads.invokeAll(work)) {
                done.get();
            }
        }
        for (int cluster = 0; cluster < 60 * writers; cluster++) {
            model.write(cluster * 4096, text(4096, 8, cluster));
        }
        assertSound(60L * writers);
    }

    /** Writers of parts of one cluster lose none of each other's bytes, whatever form the cluster takes meanwhile. */
    @Test
    void neighboursInAClusterLoseNothing() throws Exception {
        create("");
        int writers = 4;
        int part = CLUSTER / writers;
        try (DiskImage image = open();
                ExecutorService threads = Executors.newFixedThreadPool(writers)) {
            List<Callable<Void>> work = new ArrayList<>();
            for (int writer = 0; writer < writers; writer++) {
                int mine = writer;
                work.add(() -> {
                    SplittableRandom random = new SplittableRandom(mine);
                    for (int round = 0; round < 60; round++) {
                        int offset = random.nextInt(3) * CLUSTER + mine * part;
                        byte[] bytes = round % 5 == 4 ? noise(part, round) : text(part, 8, random.nextInt(100));
                        TestImages.write(image, offset, bytes);
                        assertThat(TestImages.read(image, offset, part)).isEqualTo(bytes);
                    }
                    return null;
                });
            }
            for (Future<Void> done : threads.invokeAll(work)) {
                done.get();
            }
        }
        assertThat(RefcountAudit.of(file).clean()).isTrue();
        assertThat(QemuTools.check(file).clean()).isTrue();
    }

    /** Memory that only its own thread may touch is compressed by that. */
    @Test
    void memoryOfOneThread() throws IOException {
        create("");
        byte[] bytes = text(8 * CLUSTER, 8, 1);
        try (DiskImage image = open();
                Arena arena = Arena.ofConfined()) {
            MemorySegment confined = arena.allocateFrom(ValueLayout.JAVA_BYTE, bytes);
            image.write(0, confined);
        }
        model.write(0, bytes);
        assertSound(8);
    }

    private void create(String options) {
        file = QemuTools.create(folder.resolve("image"), DISK, options);
    }

    private static ImageOptions compressing() {
        return ImageOptions.defaults().withWrites(WriteOptions.DEFAULTS.withCompress(true));
    }

    private DiskImage open() throws IOException {
        return DiskImage.open(file, compressing(), TestImages.environment(HostFiles.posix()));
    }

    private void write(DiskImage image, int offset, byte[] bytes) throws IOException {
        TestImages.write(image, offset, bytes);
        model.write(offset, bytes);
    }

    private void assertSound(long compressedClusters) throws IOException {
        ImageAssertions.assertThat(file).passesQemuCheck().passesAudit().holdsForQemu(model);
        assertThat(QemuTools.compressedClusters(file)).isEqualTo(compressedClusters);
    }

    /** So many different bytes in random order. */
    private static byte[] text(int length, int letters, long seed) {
        SplittableRandom random = new SplittableRandom(seed);
        byte[] bytes = new byte[length];
        for (int index = 0; index < length; index++) {
            bytes[index] = (byte) ('0' + random.nextInt(letters));
        }
        return bytes;
    }

    private static byte[] noise(int length, long seed) {
        byte[] bytes = new byte[length];
        new SplittableRandom(seed).nextBytes(bytes);
        return bytes;
    }
}
