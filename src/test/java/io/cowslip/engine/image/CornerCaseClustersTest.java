package io.cowslip.engine.image;

import static io.cowslip.testing.TestImages.filled;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.cowslip.engine.ImageException;
import io.cowslip.engine.ImageException.Kind;
import io.cowslip.engine.image.check.ImageCheck;
import io.cowslip.engine.work.WorkObserver;
import io.cowslip.testing.ImageAssertions;
import io.cowslip.testing.ImageBytes;
import io.cowslip.testing.ModelDisk;
import io.cowslip.testing.NeedsQemu;
import io.cowslip.testing.QemuTools;
import io.cowslip.testing.RandomData;
import io.cowslip.testing.TestImages;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * What implementers of the format get wrong, by the numbers of {@link CornerCasesTest}: clusters that are compressed,
 * zeros, cut short or not there.
 */
@NeedsQemu
final class CornerCaseClustersTest {
    private static final int CLUSTER = 64 << 10;

    @TempDir
    Path folder;

    private Path raw(ModelDisk model) throws IOException {
        return Files.write(folder.resolve("content.raw"), model.read(0, model.sizeBytes()));
    }

    /** Neighbours' bytes are in the last sector of each cluster, and the file ends within that of the last one. */
    @ParameterizedTest
    @ValueSource(strings = {"zlib", "zstd"})
    void case06ThePayloadIsShorterThanItsSectorsAndTheFileThanTheLast(String compression) throws IOException {
        SplittableRandom random = new SplittableRandom(6);
        ModelDisk model = ModelDisk.of(RandomData.disk(random, 40 * 4096));
        // The last cluster compresses, to a length that is no multiple of a sector.
        byte[] last = new byte[4096];
        random.nextBytes(last);
        Arrays.fill(last, 1234, 4096, (byte) 7);
        model.write(39 * 4096, last);
        Path file = QemuTools.convert(
                raw(model),
                "raw",
                folder.resolve("packed.qcow2"),
                "qcow2",
                "-c",
                "-o",
                "cluster_size=4k,compression_type=" + compression);
        moveToTheEnd(new ImageBytes(file), 39);
        ImageAssertions.assertThat(file).passesQemuCheck();

        try (DiskImage image = TestImages.openReadOnly(file)) {
            ImageAssertions.assertThat(image).readsAs(model);
        }
        ImageAssertions.assertThat(file).holdsForQemu(model);
        try (DiskImage image = TestImages.open(file)) {
            TestImages.write(image, 38 * 4096 + 5, filled(5000, 3));
            model.write(38 * 4096 + 5, filled(5000, 3));
            ImageAssertions.assertThat(image).readsAs(model);
        }
        ImageAssertions.assertThat(file).passesQemuCheck().passesAudit().holdsForQemu(model);
    }

    /** Puts a compressed cluster of 4 KiB at the end of the file, which ends where the last sector has just begun. */
    private static void moveToTheEnd(ImageBytes bytes, int cluster) throws IOException {
        long entry = bytes.l2(cluster);
        assertThat(entry & ImageBytes.COMPRESSED).isNotZero();
        int offsetBits = 62 - (12 - 8);
        long start = entry & (1L << offsetBits) - 1;
        long end = (start & -512) + (((entry & ~ImageBytes.COMPRESSED) >>> offsetBits) + 1) * 512;
        byte[] content = Files.readAllBytes(bytes.file());
        int dataEnd = (int) Math.min(end, content.length);
        while (content[dataEnd - 1] == 0) {
            dataEnd--;
        }
        // A stream may end in zeros, so more than is seen is kept.
        byte[] payload = Arrays.copyOfRange(content, (int) start, dataEnd + 4);
        for (long host = start & -4096; host < end; host += 4096) {
            long count = bytes.refcount(host);
            bytes.putRefcount(host, bytes.bytes(count, 2).getShort() - 1);
        }
        long newHost = (content.length + 4095L) & -4096;
        // The last byte is the first one of a sector.
        long newStart = newHost + 4096 - (payload.length - 1) % 512 - (payload.length - 1) / 512 * 512L;
        long sectors = (newStart + payload.length - 1) / 512 - newStart / 512;
        bytes.put(newStart, ByteBuffer.wrap(payload));
        bytes.putRefcount(newHost, 1);
        bytes.putRefcount(newHost + 4096, 1);
        bytes.put(bytes.l2Entry(cluster), ImageBytes.COMPRESSED | sectors << offsetBits | newStart);
        assertThat(Files.size(bytes.file()) % 512).isEqualTo(1);
    }

    @Test
    void case07AZeroedClusterKeepsItsPlaceAndIsFilledWithZeros() throws IOException {
        Path file = QemuTools.create(folder.resolve("image.qcow2"), 4 * CLUSTER, "");
        QemuTools.edit(file, "write -P 1 0 128k", "write -z 0 64k");
        ImageBytes bytes = new ImageBytes(file);
        long zeroed = bytes.l2(0);
        assertThat(zeroed & ImageBytes.ZERO).isNotZero();
        assertThat(ImageBytes.placeOf(zeroed)).isNotZero();
        long fileBytes = Files.size(file);
        ModelDisk model = ModelDisk.ofZeros(4 * CLUSTER);
        model.write(CLUSTER, filled(CLUSTER, 1));
        model.write(1000, filled(100, 2));

        try (DiskImage image = TestImages.open(file)) {
            TestImages.write(image, 1000, filled(100, 2));
            ImageAssertions.assertThat(image).readsAs(model);
        }
        assertThat(bytes.l2(0)).isEqualTo(zeroed & ~ImageBytes.ZERO);
        assertThat(Files.size(file)).isEqualTo(fileBytes);
        ImageAssertions.assertThat(file).passesQemuCheck().passesAudit().holdsForQemu(model);
    }

    /** Two images of version 2 over a backing file: what is done to one by QEMU is done to the other here. */
    @Test
    void case08Version2HasNoZerosToDeclare() throws IOException {
        Path base = QemuTools.create(folder.resolve("base"), 4 * CLUSTER, "");
        QemuTools.edit(base, "write -P 9 0 256k");
        Path ours = QemuTools.createOver(folder.resolve("ours"), "base", "qcow2", 4 * CLUSTER, "compat=0.10");
        QemuTools.edit(ours, "write -P 1 0 64k");
        Path theirs = Files.copy(ours, folder.resolve("theirs"));
        QemuTools.edit(theirs, "write -z 64k 64k");
        QemuTools.io(java.util.List.of(
                        "-f",
                        "qcow2",
                        "-d",
                        "unmap",
                        "-c",
                        "discard 0 64k",
                        "-c",
                        "discard 192k 64k",
                        theirs.toString()))
                .succeeded();

        try (DiskImage image = TestImages.open(ours)) {
            image.zero(CLUSTER, CLUSTER);
            image.discard(0, CLUSTER);
            image.discard(3 * CLUSTER, CLUSTER);
            assertThat(TestImages.read(image, 0, CLUSTER)).containsOnly(1);
            assertThat(TestImages.read(image, CLUSTER, CLUSTER)).containsOnly(0);
            assertThat(TestImages.read(image, 3 * CLUSTER, CLUSTER)).containsOnly(9);
        }
        long entry = new ImageBytes(ours).l2(1);
        assertThat(entry & ImageBytes.ZERO).isZero();
        assertThat(ImageBytes.placeOf(entry)).isNotZero();
        ImageAssertions.assertThat(ours).passesQemuCheck().passesAudit();
        QemuTools.compare(ours, "qcow2", theirs, "qcow2").succeeded();
        assertThat(QemuTools.map(ours)).isEqualTo(QemuTools.map(theirs));
    }

    /** Whole clusters only, the last one of the disk counted as whole; and what lies below does not come back. */
    @Test
    void case09ADiscardOverABackingFileLeavesZeros() throws IOException {
        int disk = 3 * CLUSTER + 512;
        Path base = QemuTools.create(folder.resolve("base"), 4 * CLUSTER, "");
        QemuTools.edit(base, "write -P 9 0 256k");
        Path file = QemuTools.createOver(folder.resolve("image"), "base", "qcow2", disk, "");
        QemuTools.edit(file, "write -P 1 0 128k");
        ModelDisk model = ModelDisk.over(filled(4 * CLUSTER, 9), disk);
        model.write(0, filled(2 * CLUSTER, 1));
        model.zero(CLUSTER, disk - CLUSTER);

        try (DiskImage image = TestImages.open(file)) {
            // Nothing is whole here.
            image.discard(1, CLUSTER - 1);
            image.discard(0, CLUSTER - 1);
            image.discard(CLUSTER - 1, disk - CLUSTER + 1);
            ImageAssertions.assertThat(image).readsAs(model);
        }
        ImageBytes bytes = new ImageBytes(file);
        assertThat(bytes.l2(1)).isEqualTo(ImageBytes.ZERO);
        assertThat(bytes.l2(2)).isEqualTo(ImageBytes.ZERO);
        assertThat(bytes.l2(3)).isEqualTo(ImageBytes.ZERO);
        ImageAssertions.assertThat(file).passesQemuCheck().passesAudit().holdsForQemu(model);
    }

    /** The disk ends within a cluster, and the backing file within another before that. */
    @ParameterizedTest
    @ValueSource(strings = {"", "extended_l2=on", "compat=0.10"})
    void case11DisksThatEndWithinAClusterAndBackingFilesThatEndBefore(String options) throws IOException {
        int disk = 5 * CLUSTER + 1536;
        byte[] below = filled(2 * CLUSTER + 512, 9);
        Files.write(folder.resolve("base.raw"), below);
        Path file = QemuTools.createOver(folder.resolve("image"), "base.raw", "raw", disk, options);
        ModelDisk model = ModelDisk.over(below, disk);
        try (DiskImage image = TestImages.open(file)) {
            for (int cluster = 1; cluster < 6; cluster++) {
                TestImages.write(image, cluster * CLUSTER + 100, filled(1, cluster));
                model.write(cluster * CLUSTER + 100, filled(1, cluster));
            }
            TestImages.write(image, disk - 1, filled(1, 8));
            model.write(disk - 1, filled(1, 8));
            image.zero(2 * CLUSTER, 300);
            model.zero(2 * CLUSTER, 300);
            ImageAssertions.assertThat(image).readsAs(model);
            assertThatThrownBy(() -> TestImages.write(image, disk - 1, new byte[2]))
                    .isInstanceOfSatisfying(
                            ImageException.class,
                            refused -> assertThat(refused.kind()).isEqualTo(Kind.OUT_OF_RANGE));
        }
        ImageAssertions.assertThat(file).passesQemuCheck().passesAudit().holdsForQemu(model);
        // What the disk does not have of its last cluster is zeros, for whoever makes it larger.
        QemuTools.img("resize", "-q", file.toString(), Integer.toString(6 * CLUSTER))
                .succeeded();
        ModelDisk grown = ModelDisk.over(model.read(0, disk), 6 * CLUSTER);
        ImageAssertions.assertThat(file).passesQemuCheck().holdsForQemu(grown);
        try (DiskImage image = TestImages.openReadOnly(file)) {
            ImageAssertions.assertThat(image).readsAs(grown);
        }
    }

    @Test
    void case12DataBeyondTheEndOfTheFileIsZeros() throws IOException {
        Path file = QemuTools.create(folder.resolve("image"), 4 * CLUSTER, "");
        QemuTools.edit(file, "write -P 1 0 64k", "write -P 2 64k 64k");
        ImageBytes bytes = new ImageBytes(file);
        long place = ImageBytes.placeOf(bytes.l2(1));
        assertThat(place + CLUSTER).isEqualTo(Files.size(file));
        bytes.truncate(place + 1000);
        ModelDisk model = ModelDisk.ofZeros(4 * CLUSTER);
        model.write(0, filled(CLUSTER, 1));
        model.write(CLUSTER, filled(1000, 2));

        try (DiskImage image = TestImages.openReadOnly(file)) {
            ImageAssertions.assertThat(image).readsAs(model);
        }
        try (DiskImage image = TestImages.open(file)) {
            ImageAssertions.assertThat(image).readsAs(model);
            TestImages.write(image, CLUSTER + 5000, filled(10, 3));
            model.write(CLUSTER + 5000, filled(10, 3));
            ImageAssertions.assertThat(image).readsAs(model);
        }
        ImageAssertions.assertThat(file).passesQemuCheck().passesAudit().holdsForQemu(model);
    }

    @Test
    void case12TablesBeyondTheEndOfTheFileAreCorruption() throws IOException {
        Path file = QemuTools.create(folder.resolve("image"), 4 * CLUSTER, "");
        QemuTools.edit(file, "write -P 1 0 64k");
        ImageBytes bytes = new ImageBytes(file);
        long entry = bytes.number(bytes.l1Entry(0));
        bytes.put(bytes.l1Entry(0), (1L << 30) | ImageBytes.COPIED);
        assertCorrupt(file);
        // A table of which a part is there.
        bytes.put(bytes.l1Entry(0), entry);
        bytes.truncate(ImageBytes.placeOf(entry) + 4096);
        assertCorrupt(file);
    }

    private static void assertCorrupt(Path file) throws IOException {
        try (DiskImage image = TestImages.openReadOnly(file)) {
            assertThatThrownBy(() -> TestImages.read(image, 3 * CLUSTER, 1))
                    .isInstanceOfSatisfying(
                            ImageException.class,
                            refused -> assertThat(refused.kind()).isEqualTo(Kind.CORRUPT));
        }
        assertThat(QemuTools.check(file).clean()).isFalse();
        assertThat(ImageCheck.check(file, WorkObserver.NONE, TestEnvironments.plain())
                        .isClean())
                .isFalse();
    }
}
