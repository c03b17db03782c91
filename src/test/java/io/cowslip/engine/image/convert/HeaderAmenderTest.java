package io.cowslip.engine.image.convert;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.cowslip.engine.image.DiskImage;
import io.cowslip.engine.image.TestEnvironments;
import io.cowslip.engine.image.options.AmendOptions;
import io.cowslip.engine.image.options.ImageFormat;
import io.cowslip.engine.work.WorkObserver;
import io.cowslip.testing.CrashingHostFiles;
import io.cowslip.testing.HostOperation;
import io.cowslip.testing.ImageBytes;
import io.cowslip.testing.NeedsQemu;
import io.cowslip.testing.QemuTools;
import io.cowslip.testing.TestImages;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** An amended header says what was asked, as QEMU reads it, and else what it said before. */
@NeedsQemu
public class HeaderAmenderTest {
    private static final int UNKNOWN_EXTENSION = 0x1234_5678;

    @TempDir
    Path folder;

    private Path image;

    @BeforeEach
    void makeImages() {
        QemuTools.edit(QemuTools.create(folder.resolve("base"), 1 << 20, ""), "write -P 3 0 1M");
        QemuTools.edit(QemuTools.create(folder.resolve("other"), 1 << 20, ""), "write -P 4 0 1M");
        image = QemuTools.createOver(folder.resolve("image"), "base", "qcow2", -1, "");
        QemuTools.edit(image, "write -P 7 64k 64k");
    }

    @ParameterizedTest
    @ValueSource(booleans = {true, false})
    void lazyRefcountsAreTurnedOnAndOff(boolean first) throws IOException {
        amend(image, null, first, null, null);
        assertThat(lazy(image)).isEqualTo(first);
        amend(image, null, !first, null, null);
        assertThat(lazy(image)).isEqualTo(!first);
        assertUntouchedOver(image, "base", 3);
    }

    @Test
    void theVersionIsRaised() throws IOException {
        Path old = QemuTools.createOver(folder.resolve("old"), "base", "qcow2", -1, "compat=0.10");
        QemuTools.edit(old, "write -P 7 64k 64k");
        assertThatThrownBy(() -> amend(old, null, true, null, null)).hasMessageContaining("lazy-refcounts");

        amend(old, 3, true, null, null);

        assertThat(QemuTools.info(old).at("/format-specific/data/compat").asString())
                .isEqualTo("1.1");
        assertThat(lazy(old)).isTrue();
        assertUntouchedOver(old, "base", 3);
    }

    /** Version 2 lets snapshots leave open how large their disks are, version 3 does not. */
    @Test
    void theVersionIsRaisedOfSnapshotsToo() throws IOException {
        Path old = QemuTools.create(folder.resolve("old"), 1 << 20, "compat=0.10");
        QemuTools.edit(old, "write -P 7 64k 64k");
        QemuTools.img("snapshot", "-c", "one", old.toString()).succeeded();
        QemuTools.edit(old, "write -P 8 64k 64k");
        ImageBytes bytes = new ImageBytes(old);
        long record = bytes.number(ImageBytes.SNAPSHOT_TABLE);
        int extra = bytes.shortNumber(record + 36);
        ByteBuffer names = bytes.bytes(record + 40 + extra, 4);
        bytes.putShort(record + 36, 0);
        bytes.put(record + 40, names);
        bytes.put(record + 44, ByteBuffer.allocate(extra));
        assertThat(QemuTools.check(old).clean()).isTrue();

        amend(old, 3, null, null, null);

        QemuTools.CheckResult check = QemuTools.check(old);
        assertThat(check.clean()).as(check.details()).isTrue();
        QemuTools.img("snapshot", "-a", "one", old.toString()).succeeded();
        QemuTools.edit(old, "read -P 7 64k 64k");
    }

    @Test
    void theVersionIsLowered() throws IOException {
        QemuTools.edit(image, "write -z 128k 64k", "write -P 7 64k 64k");
        amend(image, null, true, null, null);
        assertThatThrownBy(() -> amend(image, 2, true, null, null)).hasMessageContaining("lazy-refcounts");

        amend(image, 2, null, "other", ImageFormat.QCOW2);

        assertThat(QemuTools.info(image).at("/format-specific/data/compat").asString())
                .isEqualTo("0.10");
        QemuTools.edit(image, "read -P 4 0 64k", "read -P 7 64k 64k", "read -P 0 128k 64k", "read -P 4 192k 64k");
        assertThat(QemuTools.check(image).clean()).isTrue();
    }

    /** Zeros stay zeros over a backing file that comes with the other version. */
    @Test
    void theVersionIsLoweredOverAnotherFile() throws IOException {
        Path alone = QemuTools.create(folder.resolve("alone"), 1 << 20, "cluster_size=4k");
        QemuTools.edit(alone, "write -z 0 64k", "write -P 7 64k 64k");

        amend(alone, 2, null, "other", ImageFormat.QCOW2);

        QemuTools.edit(alone, "read -P 0 0 64k", "read -P 7 64k 64k", "read -P 4 128k 512k");
        assertThat(QemuTools.check(alone).clean()).isTrue();
    }

    /** What qemu-img rebase -u does. */
    @Test
    void theBackingFileIsExchangedAndTakenAway() throws IOException {
        amend(image, null, null, "other", ImageFormat.QCOW2);
        assertUntouchedOver(image, "other", 4);
        amend(image, null, null, "other", ImageFormat.RAW);
        assertThat(QemuTools.info(image).path("backing-filename-format").asString())
                .isEqualTo("raw");
        amend(image, null, null, "", null);
        assertThat(QemuTools.info(image).has("backing-filename")).isFalse();
        QemuTools.edit(image, "read -P 0 0 64k", "read -P 7 64k 64k");
        assertThat(QemuTools.check(image).clean()).isTrue();
    }

    @Test
    void whatIsNotKnownStays() throws IOException {
        byte[] file = Files.readAllBytes(image);
        ByteBuffer header = ByteBuffer.wrap(file);
        header.putLong(80, 1L << 40);
        header.putLong(88, 1L << 41);
        byte[] name = "base".getBytes(StandardCharsets.UTF_8);
        header.putInt(100, 120);
        header.putLong(112, 0x0102_0304_0506_0708L);
        header.position(120).putInt(0xE279_2ACA).putInt(5).put("qcow2\0\0\0".getBytes(StandardCharsets.UTF_8));
        header.putInt(UNKNOWN_EXTENSION)
                .putInt(3)
                .putLong(0x0A0B_0C00_0000_0000L)
                .putLong(0);
        header.putLong(8, header.position()).putInt(16, name.length).put(name);
        Files.write(image, file);

        amend(image, null, true, "other", ImageFormat.QCOW2);

        ByteBuffer amended = ByteBuffer.wrap(Files.readAllBytes(image));
        assertThat(amended.getLong(80)).isEqualTo(1L << 40 | 1);
        assertThat(amended.getLong(88)).isEqualTo(1L << 41);
        assertThat(amended.getInt(100)).isEqualTo(120);
        assertThat(amended.getLong(112)).isEqualTo(0x0102_0304_0506_0708L);
        assertThat(amended.getInt(136)).isEqualTo(UNKNOWN_EXTENSION);
        assertThat(amended.getInt(140)).isEqualTo(3);
        assertThat(amended.getLong(144)).isEqualTo(0x0A0B_0C00_0000_0000L);
        assertUntouchedOver(image, "other", 4);
    }

    /** One write, of the first sector, and a sync behind it: a crash leaves the old header or the new one. */
    @Test
    void itIsOneWriteOfOneSector() throws IOException {
        Path other = folder.resolve("other");
        CrashingHostFiles files =
                new CrashingHostFiles(Map.of(image, Files.readAllBytes(image), other, Files.readAllBytes(other)));
        HeaderAmender.amend(
                image,
                new AmendOptions(null, null, true, "other", ImageFormat.QCOW2),
                WorkObserver.NONE,
                TestImages.environment(files));
        assertThat(files.log()).hasSize(2);
        assertThat(files.log().getFirst()).isInstanceOfSatisfying(HostOperation.Write.class, write -> {
            assertThat(write.offset()).isZero();
            assertThat(write.data()).hasSize(512);
        });
        assertThat(files.log().getLast()).isInstanceOf(HostOperation.Sync.class);
    }

    @Test
    void whatCannotBeIsRefusedAndChangesNothing() throws IOException {
        byte[] before = Files.readAllBytes(image);
        QemuTools.createOver(folder.resolve("above"), "image", "qcow2", -1, "");
        assertRefused("image", ImageFormat.QCOW2, "leads back");
        assertRefused("above", ImageFormat.QCOW2, "leads back");
        assertRefused("missing", ImageFormat.QCOW2, "not there");
        assertRefused("base", null, "backing-format");
        assertRefused("./".repeat(250) + "base", ImageFormat.QCOW2, "512");
        try (DiskImage open = TestImages.open(image)) {
            assertRefused("other", ImageFormat.QCOW2, "");
            assertThat(open.readOnly()).isFalse();
        }
        assertThat(Files.readAllBytes(image)).isEqualTo(before);
    }

    private void assertRefused(String backing, @Nullable ImageFormat format, String why) {
        assertThatThrownBy(() -> amend(image, null, null, backing, format)).hasMessageContaining(why);
    }

    private static void amend(
            Path file,
            @Nullable Integer version,
            @Nullable Boolean lazy,
            @Nullable String backing,
            @Nullable ImageFormat format)
            throws IOException {
        HeaderAmender.amend(
                file,
                new AmendOptions(version, null, lazy, backing, format),
                WorkObserver.NONE,
                TestEnvironments.plain());
    }

    private static boolean lazy(Path file) {
        return QemuTools.info(file).at("/format-specific/data/lazy-refcounts").asBoolean();
    }

    private static void assertUntouchedOver(Path file, String backing, int pattern) {
        assertThat(QemuTools.check(file).clean()).isTrue();
        assertThat(QemuTools.info(file).path("backing-filename").asString()).isEqualTo(backing);
        QemuTools.edit(file, "read -P " + pattern + " 0 64k", "read -P 7 64k 64k", "read -P " + pattern + " 128k 512k");
    }
}
