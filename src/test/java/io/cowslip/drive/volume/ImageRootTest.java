package io.cowslip.drive.volume;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import io.cowslip.engine.ImageException;
import io.cowslip.engine.ImageException.Kind;
import io.cowslip.engine.host.HostFiles;
import io.cowslip.engine.image.file.FileReferences.Role;
import io.cowslip.testing.FaultyHostFiles;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class ImageRootTest {
    @TempDir
    private Path temporary;

    private Path folder;
    private Path secret;
    private ImageRoot root;

    @BeforeEach
    void setUp() throws IOException {
        folder = temporary.resolve("images");
        root = ImageRoot.at(folder);
        secret = Files.writeString(temporary.resolve("secret"), "secret");
        Files.createDirectories(folder.resolve("vm1"));
        Files.writeString(folder.resolve("base.qcow2"), "base");
        Files.writeString(folder.resolve("vm1/root.qcow2"), "root");
    }

    @Test
    void theFolderIsMade() {
        assertThat(folder).isDirectory();
    }

    @Test
    void namesAreBelowTheRoot() throws IOException {
        assertThat(root.existing("vm1/root.qcow2")).hasContent("root");
        assertThat(root.relativeName(root.existing("vm1/root.qcow2"))).isEqualTo("vm1/root.qcow2");
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "",
                "/etc/passwd",
                "..",
                "../secret",
                "vm1/../../secret",
                "vm1/../base.qcow2",
                "./base.qcow2",
                "vm1//root.qcow2",
                "vm1/",
                ".hidden",
                "vm1/.hidden",
                "json:{\"file\":\"x\"}",
                "nbd://host/x",
                "file:base.qcow2",
                "base.qcow2\u0000",
                "base\n.qcow2",
                "base\u0085.qcow2"
            })
    void othersAreRefused(String name) {
        assertFails(Kind.FORBIDDEN, () -> root.existing(name));
        assertFails(Kind.FORBIDDEN, () -> root.newEntry(name));
    }

    @Test
    void linksInsideAreFollowed() throws IOException {
        Files.createSymbolicLink(folder.resolve("first"), Path.of("second"));
        Files.createSymbolicLink(folder.resolve("second"), Path.of("vm1/root.qcow2"));

        assertThat(root.relativeName(root.existing("first"))).isEqualTo("vm1/root.qcow2");
    }

    @Test
    void linksThatLeaveAreRefused() throws IOException {
        Files.createSymbolicLink(folder.resolve("out"), secret);
        Files.createSymbolicLink(folder.resolve("chain"), Path.of("out"));
        Files.createSymbolicLink(folder.resolve("above"), Path.of(".."));

        assertFails(Kind.FORBIDDEN, () -> root.existing("out"));
        assertFails(Kind.FORBIDDEN, () -> root.existing("chain"));
        assertFails(Kind.FORBIDDEN, () -> root.existing("above/secret"));
        assertFails(Kind.FORBIDDEN, () -> root.newEntry("above/new"));
        assertFails(Kind.FORBIDDEN, () -> root.newEntry("above/new/new"));
        assertThat(temporary.resolve("new")).doesNotExist();
    }

    @Test
    void linksInACircleLeadNowhere() throws IOException {
        Files.createSymbolicLink(folder.resolve("a"), Path.of("b"));
        Files.createSymbolicLink(folder.resolve("b"), Path.of("a"));

        assertFails(Kind.NOT_FOUND, () -> root.existing("a"));
    }

    @Test
    void whatIsNoFileIsNotFound() {
        assertFails(Kind.NOT_FOUND, () -> root.existing("none"));
        assertFails(Kind.NOT_FOUND, () -> root.existing("vm1"));
        assertFails(Kind.NOT_FOUND, () -> root.existing("base.qcow2/none"));
    }

    @Test
    void namesThatAreTooLongForTheHostAreRefused() throws IOException {
        root.newEntry("n".repeat(255));
        assertFails(Kind.INVALID_OPTION, () -> root.existing("n".repeat(256)));
        assertFails(Kind.INVALID_OPTION, () -> root.newEntry("\u00fc".repeat(128)));
        assertFails(Kind.INVALID_OPTION, () -> root.newEntry(("d".repeat(200) + "/").repeat(25) + "x"));
        assertThat(folder).isDirectoryNotContaining(file -> file.startsWith("d"));
    }

    @Test
    void newFoldersAreDurableOneByOne() throws IOException {
        FaultyHostFiles files = new FaultyHostFiles(HostFiles.posix());
        ImageRoot failing = ImageRoot.at(folder, files);
        files.failAfter(2, 1, Kind.IO);
        assertFails(Kind.IO, () -> failing.newEntry("x/y/z/disk.raw"));
        assertThat(folder.resolve("x")).doesNotExist();
        files.failAfter(0, 1, Kind.IO);
        assertThat(failing.newEntry("vm1/disk.raw"))
                .hasParentRaw(folder.toRealPath().resolve("vm1"));
        assertThat(files.refused()).isOne();
    }

    @Test
    void aRootBehindALinkIsTheSameRoot() throws IOException {
        Path link = Files.createSymbolicLink(temporary.resolve("link"), folder);
        ImageRoot linked = ImageRoot.at(link);
        Path image = linked.existing("vm1/root.qcow2");

        assertThat(linked.relativeName(image)).isEqualTo("vm1/root.qcow2");
        assertThat(linked.relativeName(link.resolve("base.qcow2"))).isEqualTo("base.qcow2");
        assertThat(linked.resolve(image, link.resolve("base.qcow2").toString(), Role.BACKING_FILE))
                .hasContent("base");
    }

    @Test
    void backingNamesAreRelativeToTheImage() throws IOException {
        Path image = root.existing("vm1/root.qcow2");

        assertThat(root.resolve(image, "../base.qcow2", Role.BACKING_FILE)).hasContent("base");
        assertThat(root.resolve(image, folder.resolve("base.qcow2").toString(), Role.BACKING_FILE))
                .hasContent("base");
        assertFails(Kind.NOT_FOUND, () -> root.resolve(image, "base.qcow2", Role.BACKING_FILE));
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "",
                "/etc/passwd",
                "/etc/there-is-no-such-file",
                "../../secret",
                "../../there-is-no-such-file",
                "json:{}",
                "nbd:host",
                "file:base.qcow2",
                "../base.qcow2\u0000"
            })
    void backingNamesThatLeaveAreRefusedAlikeWhetherTheyAreThere(String name) throws IOException {
        Path image = root.existing("vm1/root.qcow2");

        assertThatExceptionOfType(ImageException.class)
                .isThrownBy(() -> root.resolve(image, name, Role.BACKING_FILE))
                .satisfies(refusal -> assertThat(refusal.kind()).isEqualTo(Kind.FORBIDDEN))
                .withMessage("the image names a file that may not be followed: it must be below the image" + " root");
    }

    @Test
    void backingNamesDoNotLeaveByLinks() throws IOException {
        Files.createSymbolicLink(folder.resolve("out"), secret);

        assertFails(Kind.FORBIDDEN, () -> root.resolve(root.existing("base.qcow2"), "out", Role.DATA_FILE));
    }

    @Test
    void newNamesGetTheirFolders() throws IOException {
        assertThat(root.newEntry("a/b/new")).isEqualTo(root.folder().resolve("a/b/new"));
        assertThat(folder.resolve("a/b")).isDirectory();
        assertFails(Kind.ALREADY_EXISTS, () -> root.newEntry("base.qcow2/new"));
    }

    @Test
    void emptyFoldersGo() throws IOException {
        root.removeEmptyFolders(root.newEntry("vm1/a/b/new"));

        assertThat(folder.resolve("vm1/a")).doesNotExist();
        assertThat(folder.resolve("vm1")).isDirectory();
    }

    @Test
    void hostPathsOutsideAreNotShown() {
        assertThat(root.relativeName(secret)).isEqualTo("(outside the image root)");
    }

    private void assertFails(Kind kind, ThrowingCallable call) {
        assertThatExceptionOfType(ImageException.class)
                .isThrownBy(call)
                .satisfies(refusal -> assertThat(refusal.kind()).isEqualTo(kind))
                .satisfies(refusal -> assertThat(refusal.getMessage()).doesNotContain(temporary.toString()));
    }
}
