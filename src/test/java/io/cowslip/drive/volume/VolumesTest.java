package io.cowslip.drive.volume;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import io.cowslip.drive.DriveException;
import io.cowslip.drive.DriveException.Reason;
import io.cowslip.drive.DriveId;
import io.cowslip.drive.registry.Bench;
import io.cowslip.engine.ImageException;
import io.cowslip.engine.ImageException.Kind;
import io.cowslip.engine.image.ImageInfo;
import io.cowslip.engine.image.options.CreateOptions;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class VolumesTest {
    @TempDir
    private Path folder;

    private Bench bench;
    private Volumes volumes;

    @BeforeEach
    void setUp() throws IOException {
        bench = new Bench(folder);
        volumes = bench.volumes;
    }

    @AfterEach
    void tearDown() {
        bench.close();
    }

    @Test
    void aNewVolumeHasItsFolders() throws IOException {
        List<ImageInfo> facts = volumes.create("vm1/disks/root.qcow2", CreateOptions.qcow2(1 << 20));

        assertThat(facts)
                .singleElement()
                .extracting(ImageInfo::virtualSizeBytes)
                .isEqualTo(1L << 20);
        assertThat(volumes.list("", null, 10).names()).containsExactly("vm1/disks/root.qcow2");
        assertThat(volumes.facts("vm1/disks/root.qcow2")).isEqualTo(facts);
    }

    @Test
    void whatIsThereIsNotMadeAnew() throws IOException {
        volumes.create("a", CreateOptions.qcow2(1 << 20));

        assertFails(Kind.ALREADY_EXISTS, () -> volumes.create("a", CreateOptions.qcow2(2 << 20)));
        assertThat(volumes.facts("a").getFirst().virtualSizeBytes()).isEqualTo(1 << 20);
    }

    @Test
    void aVolumeThatCannotBeMadeLeavesNoFolder() throws IOException {
        assertFails(Kind.INVALID_OPTION, () -> volumes.create("new/a", Bench.backedBy("none")));

        assertThat(folder).isEmptyDirectory();
        volumes.create("new", CreateOptions.qcow2(1 << 20));
    }

    @Test
    void backingFilesLieBelowTheRoot() throws IOException {
        volumes.create("base", CreateOptions.qcow2(1 << 20));
        List<ImageInfo> facts = volumes.create("vm/top", Bench.backedBy("../base"));

        assertThat(facts)
                .extracting(layer -> volumes.relativeName(layer.file()))
                .containsExactly("vm/top", "base");
        assertFails(Kind.FORBIDDEN, () -> volumes.create("vm/out", Bench.backedBy("../../etc/passwd")));
        assertFails(Kind.FORBIDDEN, () -> volumes.create("vm/out", Bench.backedBy("json:{}")));
        assertFails(Kind.FORBIDDEN, () -> volumes.create("vm/out", Bench.backedBy("/etc/passwd")));
        assertThat(folder.resolve("vm/out")).doesNotExist();
    }

    @Test
    void aVolumeInUseIsKept() throws IOException {
        volumes.create("base", CreateOptions.qcow2(Bench.DISK_BYTES));
        volumes.create("top", Bench.backedBy("base"));
        assertInUse("\"top\" backs on \"base\"", () -> volumes.delete("base"));

        bench.open("a", "top");
        assertInUse("\"top\" is in use by drive \"a\"", () -> volumes.delete("top"));
        assertInUse("\"base\" is in use by drive \"a\"", () -> volumes.delete("base"));

        bench.registry.close(new DriveId("a"));
        volumes.delete("top");
        volumes.delete("base");
        assertThat(volumes.list("", null, 10).names()).isEmpty();
    }

    @Test
    void brokenVolumesStandInNobodysWay() throws IOException {
        volumes.create("good", CreateOptions.qcow2(1 << 20));
        Files.write(folder.resolve("broken"), new byte[] {'Q', 'F', 'I', (byte) 0xFB, 0, 0, 0, 9});

        volumes.delete("good");
        volumes.delete("broken");
        assertThat(folder).isEmptyDirectory();
    }

    @Test
    void deletingALinkKeepsWhatItLeadsTo() throws IOException {
        volumes.create("real", CreateOptions.qcow2(1 << 20));
        Files.createSymbolicLink(folder.resolve("link"), Path.of("real"));

        volumes.delete("link");
        assertThat(volumes.list("", null, 10).names()).containsExactly("real");
    }

    @Test
    void emptyFoldersGoWithTheirLastVolume() throws IOException {
        volumes.create("vm/disks/a", CreateOptions.qcow2(1 << 20));
        volumes.create("vm/b", CreateOptions.qcow2(1 << 20));

        volumes.delete("vm/disks/a");
        assertThat(folder.resolve("vm/disks")).doesNotExist();
        volumes.delete("vm/b");
        assertThat(folder).isEmptyDirectory();
    }

    @Test
    void whatIsNotThereIsNotDeleted() {
        assertFails(Kind.NOT_FOUND, () -> volumes.delete("none"));
        assertFails(Kind.FORBIDDEN, () -> volumes.delete("../none"));
    }

    private static void assertInUse(String message, ThrowingCallable call) {
        assertThatExceptionOfType(DriveException.class)
                .isThrownBy(call)
                .withMessage(message)
                .satisfies(refusal -> assertThat(refusal.reason()).isEqualTo(Reason.IN_USE));
    }

    private static void assertFails(Kind kind, ThrowingCallable call) {
        assertThatExceptionOfType(ImageException.class)
                .isThrownBy(call)
                .satisfies(refusal -> assertThat(refusal.kind()).isEqualTo(kind));
    }
}
