package io.cowslip.engine.image.check;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.cowslip.engine.ImageException;
import io.cowslip.engine.image.DiskImage;
import io.cowslip.engine.image.TestEnvironments;
import io.cowslip.engine.image.check.CheckFinding.Kind;
import io.cowslip.engine.image.check.CheckFinding.Table;
import io.cowslip.engine.work.WorkObserver;
import io.cowslip.testing.EncryptedImages;
import io.cowslip.testing.ImageAssertions;
import io.cowslip.testing.MetadataSites;
import io.cowslip.testing.NeedsQemu;
import io.cowslip.testing.QemuTools;
import io.cowslip.testing.TestImages;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.List;
import java.util.concurrent.CancellationException;
import java.util.function.IntUnaryOperator;
import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** What a check says of single faults, and what a repair does about them. */
@NeedsQemu
final class ImageCheckTest {
    private static final int KIB = 1024;

    @TempDir
    Path folder;

    @Test
    void aFindingTellsWhereAndWhat() throws IOException {
        Path file = made("");
        changeLong(file, site(file, MetadataSites.Kind.L2_ENTRY, 1), 1L << 40 | 1L << 63);

        CheckReport report = check(file);

        assertThat(report.findings())
                .filteredOn(found -> found.kind() == Kind.OUTSIDE_FILE)
                .singleElement()
                .satisfies(found -> {
                    assertThat(found.table()).isEqualTo(Table.L2);
                    assertThat(found.name()).isNull();
                    assertThat(found.index()).isEqualTo(1);
                    assertThat(found.guestOffset()).isEqualTo(64 * KIB);
                    assertThat(found.hostOffset()).isEqualTo(1L << 40);
                    assertThat(found.detail()).contains("0x8000010000000000");
                });
    }

    @Test
    void aFindingOfASnapshotNamesIt() throws IOException {
        Path file = made("");
        QemuTools.img("snapshot", "-c", "before", file.toString()).succeeded();
        QemuTools.edit(file, "write 0 64k");
        changeLong(file, site(file, MetadataSites.Kind.SNAPSHOT_L2_ENTRY, 0), 513);

        assertThat(check(file).findings())
                .filteredOn(found -> found.kind() == Kind.NOT_ALIGNED)
                .extracting(CheckFinding::name)
                .containsExactly("before");
    }

    @Test
    void leaksAloneAreRepairedAlone() throws IOException {
        Path file = made("");
        changeLong(file, site(file, MetadataSites.Kind.L2_ENTRY, 1), 0);
        assertThat(check(file).leaks()).isEqualTo(1);

        CheckReport repaired = repair(file, ImageCheck.Repair.LEAKS);

        assertThat(repaired.isClean()).isTrue();
        assertThat(repaired.leaksFixed()).isEqualTo(1);
        ImageAssertions.assertThat(file).passesQemuCheck();
    }

    /** What seems leaked may be what a lost pointer led to: QEMU gives it away, and then it is gone for good. */
    @Test
    void leaksBesideCorruptionsAreLeftAlone() throws IOException {
        Path file = made("");
        changeLong(file, site(file, MetadataSites.Kind.L1_ENTRY, 0), 1L << 40 | 1L << 63);
        byte[] before = Files.readAllBytes(file);

        CheckReport report = repair(file, ImageCheck.Repair.LEAKS);

        assertThat(report.leaks()).isPositive();
        assertThat(report.corruptions()).isPositive();
        assertThat(report.leaksFixed()).isZero();
        assertThat(report.unrepaired()).startsWith("leaks: ").contains("\"repair\": \"all\"");
        assertThat(Files.readAllBytes(file)).isEqualTo(before);
    }

    /** What was no compressed cluster before led elsewhere, maybe to what is leaked now. */
    @Test
    void leaksBesideACompressedClusterWithCopiedSetAreLeftAlone() throws IOException {
        Path file = made("");
        int entry = site(file, MetadataSites.Kind.L2_ENTRY, 1);
        changeByte(file, entry, before -> before | 0x40);
        changeLong(file, entry + Long.BYTES, 0);
        byte[] before = Files.readAllBytes(file);

        CheckReport report = repair(file, ImageCheck.Repair.LEAKS);

        assertThat(report.leaks()).isPositive();
        assertThat(report.findings()).extracting(CheckFinding::kind).contains(Kind.COPIED_FLAG);
        assertThat(report.unrepaired()).startsWith("leaks: ");
        assertThat(Files.readAllBytes(file)).isEqualTo(before);
    }

    /** A count too high is a leak and contradicts the COPIED flag: QEMU repairs both as a leak. */
    @Test
    void leaksBesideFlagsThatContradictThemAreRepaired() throws IOException {
        Path file = made("");
        int entry = site(file, MetadataSites.Kind.L2_ENTRY, 1);
        changeByte(file, site(file, MetadataSites.Kind.REFCOUNT, clusterOf(file, entry)), before -> 3);
        Path copy = Files.copy(file, folder.resolve("copy.qcow2"));
        assertThat(check(file).corruptions()).isEqualTo(1);

        CheckReport report = repair(file, ImageCheck.Repair.LEAKS);

        assertThat(report.isClean()).isTrue();
        assertThat(report.leaksFixed()).isEqualTo(1);
        assertThat(report.unrepaired()).isNull();
        QemuTools.img("check", "-r", "leaks", copy.toString()).succeeded();
        assertThat(Files.readAllBytes(file)).isEqualTo(Files.readAllBytes(copy));
    }

    /** QEMU has no remedy where refcounts are too narrow. */
    @ParameterizedTest
    @CsvSource({"1, 1, 2", "2, 3, 4", "2, 15, 8", "4, 16, 8"})
    void refcountsThatAreTooNarrowAreMadeWider(int bits, int more, int wider) throws IOException {
        Path file = made("refcount_bits=" + bits);
        int first = site(file, MetadataSites.Kind.L2_ENTRY, 0);
        long shared = ByteBuffer.wrap(Files.readAllBytes(file)).getLong(first);
        for (int i = 1; i <= more; i++) {
            changeLong(file, first + i * Long.BYTES, shared);
        }
        assertThat(check(file).findings()).extracting(CheckFinding::kind).contains(Kind.REFCOUNT_OVERFLOW);

        CheckReport report = repair(file, ImageCheck.Repair.ALL);

        assertThat(report.isClean()).as("%s", report).isTrue();
        assertThat(report.unrepaired()).isNull();
        ImageAssertions.assertThat(file).passesQemuCheck();
        assertThat(QemuTools.info(file)
                        .at("/format-specific/data/refcount-bits")
                        .asInt())
                .isEqualTo(wider);
        assertThat(read(file, (more - 1) * 64 * (long) KIB, 1)).containsExactly(7);
        try (DiskImage image = TestImages.open(file)) {
            TestImages.write(image, 64 * KIB, new byte[] {9});
        }
        assertThat(read(file, 0, 1)).containsExactly(7);
    }

    /** Version 2 cannot have them wider: the answer says so. */
    @Test
    void refcountsOfVersion2ThatAreTooNarrowAreNamed() throws IOException {
        Path file = QemuTools.create(
                folder.resolve("image.qcow2"), 34L * KIB * KIB, "compat=0.10,cluster_size=512,preallocation=metadata");
        byte[] bytes = Files.readAllBytes(file);
        ByteBuffer image = ByteBuffer.wrap(bytes);
        List<MetadataSites.Site> entries = MetadataSites.of(bytes).getOrDefault(MetadataSites.Kind.L2_ENTRY, List.of());
        long shared = image.getLong(entries.getFirst().offset());
        entries.forEach(site -> image.putLong(site.offset(), shared));
        Files.write(file, bytes);

        CheckReport report = repair(file, ImageCheck.Repair.ALL);

        assertThat(report.corruptions()).isPositive();
        assertThat(report.findings()).extracting(CheckFinding::kind).contains(Kind.REFCOUNT_OVERFLOW);
        assertThat(report.unrepaired()).startsWith("refcount-overflow: ").contains("version 2");
    }

    @Test
    void dirtyImagesAreMadeCleanAndKeepTheirData() throws IOException {
        Path file = made("lazy_refcounts=on");
        dropCounts(file);
        changeByte(file, 79, before -> before | 1);

        CheckReport report = repair(file, ImageCheck.Repair.ALL);

        assertThat(report.isClean()).isTrue();
        assertThat(report.corruptionsFixed()).isPositive();
        assertThat(QemuTools.info(file).get("dirty-flag").asBoolean()).isFalse();
        ImageAssertions.assertThat(file).passesQemuCheck();
        assertThat(read(file, 0, 1)).containsExactly(7);
    }

    @Test
    void corruptImagesThatAreSoundLoseTheMark() throws IOException {
        Path file = made("");
        changeByte(file, 79, before -> before | 2);

        assertThat(check(file).isClean()).isTrue();
        repair(file, ImageCheck.Repair.ALL);

        assertThat(Files.readAllBytes(file)[79]).isZero();
    }

    /** qemu-img check -r loses the snapshots of this image (QEMU 7.2). */
    @Test
    void snapshotsBesideBitmapsSurvive() throws IOException {
        Path file = made("");
        QemuTools.img("snapshot", "-c", "kept", file.toString()).succeeded();
        QemuTools.edit(file, "write -P 9 0 256k");
        QemuTools.img("bitmap", "--add", file.toString(), "changes").succeeded();
        dropCounts(file);

        assertThat(repair(file, ImageCheck.Repair.ALL).isClean()).isTrue();

        ImageAssertions.assertThat(file).passesQemuCheck();
        assertThat(QemuTools.info(file).findValues("name"))
                .extracting(name -> name.asString())
                .containsExactly("kept", "changes");
        assertThat(read(file, 0, 1)).containsExactly(9);
        Path kept = folder.resolve("kept.raw");
        QemuTools.convert(file, "qcow2", kept, "raw", "-l", "kept");
        assertThat(Files.readAllBytes(kept)).startsWith(7);
    }

    /** The header of an encrypted image takes clusters that no table leads to. */
    @Test
    void encryptedImagesAreUnderstood() throws IOException {
        Path file = EncryptedImages.create(folder.resolve("secret.qcow2"), 1024 * KIB, "cluster_size=64k");
        assertThat(qemuChecks(file)).isZero();
        assertThat(check(file).isClean()).isTrue();

        dropCounts(file);
        assertThat(repair(file, ImageCheck.Repair.ALL).isClean()).isTrue();

        assertThat(qemuChecks(file)).isZero();
    }

    private static int qemuChecks(Path encrypted) {
        String secret = "secret,id=s,data=" + EncryptedImages.PASSPHRASE;
        String image = "driver=qcow2,encrypt.key-secret=s,file.filename=" + encrypted;
        return QemuTools.img("check", "--object", secret, "--image-opts", image).exitCode();
    }

    @Test
    void whoeverWritesStandsInTheWay() throws IOException {
        Path file = made("");
        try (DiskImage image = TestImages.open(file)) {
            assertThat(image.readOnly()).isFalse();
            assertBusy(() -> check(file));
            assertBusy(() -> repair(file, ImageCheck.Repair.ALL));
        }
        try (DiskImage image = TestImages.openReadOnly(file)) {
            assertThat(image.readOnly()).isTrue();
            assertThat(check(file).isClean()).isTrue();
            assertBusy(() -> repair(file, ImageCheck.Repair.ALL));
        }
    }

    @Test
    void aRepairKeepsQemuOut() throws IOException {
        Path file = made("");
        boolean[] refused = new boolean[1];
        ImageCheck.repair(
                file,
                ImageCheck.Repair.ALL,
                (done, total) ->
                        refused[0] |= QemuTools.io("qcow2", file, "write 0 512").exitCode() != 0,
                TestEnvironments.plain());
        assertThat(refused[0]).isTrue();
    }

    @Test
    void aCheckStopsWhenItIsTold() throws IOException {
        Path file = made("");
        assertThatThrownBy(() -> ImageCheck.check(
                        file,
                        (done, total) -> {
                            throw new CancellationException("enough");
                        },
                        TestEnvironments.plain()))
                .isInstanceOf(CancellationException.class);
    }

    @Test
    void rawImagesHaveNothingToCheck() throws IOException {
        Path file = Files.write(folder.resolve("plain.raw"), new byte[4096]);
        assertThatExceptionOfType(ImageException.class)
                .isThrownBy(() -> check(file))
                .satisfies(refusal -> assertThat(refusal.kind()).isEqualTo(ImageException.Kind.INVALID_FORMAT));
    }

    private Path made(String options) {
        Path file = QemuTools.create(folder.resolve("image.qcow2"), 1024 * KIB, options);
        QemuTools.edit(file, "write -P 7 0 256k");
        return file;
    }

    private static void assertBusy(ThrowingCallable call) {
        assertThatExceptionOfType(ImageException.class)
                .isThrownBy(call)
                .satisfies(refusal -> assertThat(refusal.kind()).isEqualTo(ImageException.Kind.BUSY));
    }

    private static CheckReport check(Path file) throws IOException {
        return ImageCheck.check(file, WorkObserver.NONE, TestEnvironments.plain());
    }

    private static CheckReport repair(Path file, ImageCheck.Repair repair) throws IOException {
        return ImageCheck.repair(file, repair, WorkObserver.NONE, TestEnvironments.plain());
    }

    private static byte[] read(Path file, long offset, int length) throws IOException {
        try (DiskImage image = TestImages.openReadOnly(file)) {
            return TestImages.read(image, offset, length);
        }
    }

    private static int clusterOf(Path file, int entryOffset) throws IOException {
        return (int) (ByteBuffer.wrap(Files.readAllBytes(file)).getLong(entryOffset) >>> 16 & 0xFFFF);
    }

    private static int site(Path file, MetadataSites.Kind kind, int number) throws IOException {
        return MetadataSites.of(Files.readAllBytes(file))
                .getOrDefault(kind, List.of())
                .get(number)
                .offset();
    }

    /** The first entry of the refcount table leads nowhere. */
    private static void dropCounts(Path file) throws IOException {
        changeLong(file, site(file, MetadataSites.Kind.REFCOUNT_TABLE_ENTRY, 0), 0);
    }

    private static void changeByte(Path file, int offset, IntUnaryOperator change) throws IOException {
        byte[] bytes = Files.readAllBytes(file);
        bytes[offset] = (byte) change.applyAsInt(bytes[offset]);
        Files.write(file, bytes, StandardOpenOption.WRITE);
    }

    private static void changeLong(Path file, int offset, long value) throws IOException {
        byte[] bytes = Files.readAllBytes(file);
        ByteBuffer.wrap(bytes).putLong(offset, value);
        Files.write(file, bytes, StandardOpenOption.WRITE);
    }
}
