package io.cowslip.engine.host;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import io.cowslip.engine.ImageException;
import io.cowslip.engine.ImageException.Kind;
import io.cowslip.testing.NoOpenat2;
import io.cowslip.testing.Processes;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.net.StandardProtocolFamily;
import java.net.UnixDomainSocketAddress;
import java.nio.channels.ServerSocketChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedClass;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

/** All that is done beneath a folder, by openat2 and by the walk that takes its place. */
@ParameterizedClass(name = "openat2={0}")
@ValueSource(booleans = {true, false})
class HostFolderTest {
    @TempDir
    private Path temporary;

    private final boolean openat2;
    private Path root;
    private Path outside;
    private HostFolder folder;

    HostFolderTest(boolean openat2) {
        this.openat2 = openat2;
    }

    @BeforeEach
    void setUp() throws IOException {
        Path real = temporary.toRealPath();
        root = Files.createDirectory(real.resolve("images"));
        outside = Files.createDirectory(real.resolve("outside"));
        Files.writeString(outside.resolve("secret"), "secret");
        Files.createDirectory(root.resolve("vm"));
        Files.writeString(root.resolve("vm/disk"), "disk");
        folder = HostFolder.open(root, openat2);
    }

    @Test
    void theKernelOfThisMachineHasTheCall() {
        assertThat(folder.usesOpenat2()).isEqualTo(openat2);
    }

    @ParameterizedTest
    @EnumSource(HostFiles.Mode.class)
    void nothingIsOpenedThroughALink(HostFiles.Mode mode) throws IOException {
        Files.createSymbolicLink(root.resolve("out"), outside);
        Files.createSymbolicLink(root.resolve("absolute"), outside.resolve("secret"));
        Files.createSymbolicLink(root.resolve("relative"), Path.of("../outside/secret"));
        Files.createSymbolicLink(root.resolve("inside"), Path.of("vm"));
        Files.createSymbolicLink(root.resolve("dangling"), outside.resolve("new"));
        for (String name : List.of("out/secret", "out/new", "absolute", "relative", "dangling", "inside/disk")) {
            assertThatExceptionOfType(ImageException.class)
                    .as(name)
                    .isThrownBy(() -> open(name, mode))
                    .satisfies(refused ->
                            assertThat(refused.kind()).isIn(Kind.NOT_FOUND, Kind.FORBIDDEN, Kind.ALREADY_EXISTS));
        }
        assertThat(outside).isDirectoryContaining("glob:**/secret");
        assertThat(outside.resolve("new")).doesNotExist();
        assertThat(outside.resolve("secret")).hasContent("secret");
    }

    @Test
    void pathsOutsideAreRefusedBeforeTheHostIsAsked() {
        for (Path path :
                List.of(outside.resolve("secret"), root.resolve("../outside/secret"), Path.of("/etc/passwd"))) {
            assertRefused(Kind.FORBIDDEN, () -> folder.files().open(path, HostFiles.Mode.READ));
            assertRefused(Kind.FORBIDDEN, () -> folder.look(path));
        }
    }

    @Test
    void lookingFollowsLinksBelowTheFolderOnly() throws IOException {
        Files.createSymbolicLink(root.resolve("relative"), Path.of("vm/disk"));
        Files.createSymbolicLink(root.resolve("absolute"), root.resolve("vm"));
        Files.createSymbolicLink(root.resolve("vm/up"), Path.of("../vm/../absolute/disk"));
        Files.createSymbolicLink(root.resolve("self"), root);
        for (String name : List.of("relative", "absolute/disk", "vm/up", "self/vm/disk", "vm/disk")) {
            FolderFile found = folder.look(root.resolve(name));
            assertThat(found.path()).as(name).isEqualTo(root.resolve("vm/disk"));
            assertThat(found.type()).isEqualTo(FolderEntry.Type.FILE);
            assertThat(found.sizeBytes()).isEqualTo(4);
            try (HostFile file = folder.files().open(found.path(), HostFiles.Mode.READ)) {
                assertThat(found.identity()).isEqualTo(file.identity());
            }
        }
        Files.createSymbolicLink(root.resolve("above"), Path.of("vm/../../outside/secret"));
        Files.createSymbolicLink(root.resolve("beside"), Path.of(root + "-not"));
        Files.createSymbolicLink(root.resolve("secret"), outside.resolve("secret"));
        Files.createSymbolicLink(root.resolve("folder"), outside);
        Files.createSymbolicLink(root.resolve("process"), Path.of("/proc/self/root" + outside));
        for (String name : List.of("above", "beside", "secret", "folder/secret", "folder/none", "process/secret")) {
            assertRefused(Kind.FORBIDDEN, () -> folder.look(root.resolve(name)));
        }
        Files.createSymbolicLink(root.resolve("circle"), Path.of("circle"));
        for (String name : List.of("circle", "none", "vm/disk/x", "none/x", "n".repeat(300))) {
            assertRefused(Kind.NOT_FOUND, () -> folder.look(root.resolve(name)));
            assertThat(folder.lookAtName(root.resolve(name + "/none"))).isNull();
        }
        assertThat(folder.lookAtName(root.resolve("secret")))
                .satisfies(found -> assertThat(found.type()).isEqualTo(FolderEntry.Type.LINK));
    }

    @Test
    @DisplayName("Ironic CVE-2026-44919: what is no regular file is refused, and nobody waits for it")
    void specialFilesAreRefusedWithoutWaiting() throws IOException {
        List<String> names = new ArrayList<>(List.of("socket", "vm"));
        makeSpecial(names, "mkfifo", "fifo");
        makeSpecial(names, "mknod", "zero", "c", "1", "5");
        makeSpecial(names, "mknod", "block", "b", "7", "250");
        try (ServerSocketChannel socket = ServerSocketChannel.open(StandardProtocolFamily.UNIX)) {
            socket.bind(UnixDomainSocketAddress.of(root.resolve("socket")));
            for (String name : names) {
                for (HostFiles.Mode mode : List.of(HostFiles.Mode.READ, HostFiles.Mode.READ_WRITE)) {
                    assertThatExceptionOfType(ImageException.class)
                            .as(name + " " + mode)
                            .isThrownBy(() -> open(name, mode));
                }
                assertThat(folder.look(root.resolve(name)).type()).isNotEqualTo(FolderEntry.Type.FILE);
            }
        }
    }

    @Test
    void foldersAreMadeListedAndTakenAwayBeneath() throws IOException {
        folder.makeFolder(root.resolve("new"));
        folder.makeFolder(root.resolve("new/deeper"));
        assertRefused(Kind.ALREADY_EXISTS, () -> folder.makeFolder(root.resolve("new")));
        Files.createSymbolicLink(root.resolve("new/link"), outside);
        Files.writeString(root.resolve("new/\u00fc \uD83D\uDE00"), "");
        makeSpecial(new ArrayList<>(), "mkfifo", "new/fifo");
        assertThat(folder.entries(root.resolve("new")))
                .containsExactlyInAnyOrder(
                        new FolderEntry("deeper", FolderEntry.Type.FOLDER),
                        new FolderEntry("link", FolderEntry.Type.LINK),
                        new FolderEntry("\u00fc \uD83D\uDE00", FolderEntry.Type.FILE),
                        new FolderEntry("fifo", FolderEntry.Type.OTHER));
        assertRefused(Kind.NOT_FOUND, () -> folder.entries(root.resolve("new/link")));
        assertRefused(Kind.NOT_FOUND, () -> folder.makeFolder(root.resolve("new/link/made")));
        assertThat(folder.removeFolder(root.resolve("new"))).isFalse();
        assertThat(folder.removeFolder(root.resolve("new/deeper"))).isTrue();
        assertThat(folder.removeFolder(root.resolve("new/deeper"))).isFalse();
        assertThat(folder.remove(root.resolve("new/link/secret"))).isFalse();
        assertThat(folder.remove(root.resolve("new/link"))).isTrue();
        assertThat(folder.remove(root.resolve("new/link"))).isFalse();
        assertThat(outside).isDirectoryContaining("glob:**/secret");
        folder.files().syncFolder(root.resolve("new"));
        assertThat(folder.usableBytes(root)).isPositive();
    }

    @Test
    void manyEntriesAreReadWhole() throws IOException {
        for (int i = 0; i < 3000; i++) {
            Files.createFile(root.resolve("vm/a file with a name of some length, number " + i));
        }
        assertThat(folder.entries(root.resolve("vm"))).hasSize(3001).doesNotHaveDuplicates();
    }

    @Test
    void aRenameReplacesNothingAndStaysBeneath() throws IOException {
        Files.writeString(root.resolve("taken"), "taken");
        Files.createSymbolicLink(root.resolve("link"), outside);
        assertRefused(Kind.ALREADY_EXISTS, () -> folder.rename(root.resolve("vm/disk"), root.resolve("taken")));
        assertRefused(Kind.ALREADY_EXISTS, () -> folder.rename(root.resolve("vm/disk"), root.resolve("link")));
        assertRefused(Kind.NOT_FOUND, () -> folder.rename(root.resolve("vm/disk"), root.resolve("link/disk")));
        assertRefused(Kind.NOT_FOUND, () -> folder.rename(root.resolve("link/secret"), root.resolve("mine")));
        folder.rename(root.resolve("vm/disk"), root.resolve("moved"));
        assertThat(root.resolve("moved")).hasContent("disk");
        assertThat(root.resolve("taken")).hasContent("taken");
        assertThat(outside).isDirectoryNotContaining("glob:**/disk");
    }

    @Test
    void attributesAreKeptWithTheFile() throws IOException {
        ExtendedAttributes attributes = folder.extendedAttributes();
        Path disk = root.resolve("vm/disk");
        assertThat(attributes.get(disk, "user.cowslip.test")).isNull();
        assertThat(attributes.set(disk, "user.cowslip.test", "raw")).isTrue();
        folder.rename(disk, root.resolve("moved"));
        assertThat(attributes.get(root.resolve("moved"), "user.cowslip.test")).isEqualTo("raw");
        attributes.remove(root.resolve("moved"), "user.cowslip.test");
        attributes.remove(root.resolve("moved"), "user.cowslip.test");
        assertThat(attributes.get(root.resolve("moved"), "user.cowslip.test")).isNull();
        Files.createSymbolicLink(root.resolve("link"), outside.resolve("secret"));
        assertRefused(Kind.NOT_FOUND, () -> attributes.set(root.resolve("link"), "user.cowslip.test", "raw"));
    }

    @Test
    void aFolderThatIsMovedStaysTheFolder() throws IOException {
        Path moved = Files.move(root, root.resolveSibling("elsewhere"));
        Files.createSymbolicLink(root, outside);
        assertRefused(Kind.NOT_FOUND, () -> open("secret", HostFiles.Mode.READ));
        assertThat(read("vm/disk")).isEqualTo("disk");
        Files.delete(root);
        Files.move(moved, root);
    }

    @ParameterizedTest
    @ValueSource(ints = {Posix.ENOSYS, Posix.EPERM})
    @DisplayName("A kernel without openat2, and a container runtime that forbids what it does not know")
    void withoutTheCallTheWalkTakesOver(int errno) throws Exception {
        Files.createSymbolicLink(root.resolve("link"), outside);
        String content = NoOpenat2.call(errno, () -> {
            folder = HostFolder.open(root, openat2);
            assertThat(folder.usesOpenat2()).isFalse();
            assertRefused(Kind.NOT_FOUND, () -> open("link/secret", HostFiles.Mode.READ));
            folder.makeFolder(root.resolve("made"));
            open("made/new", HostFiles.Mode.CREATE_NEW).close();
            return read("vm/disk");
        });
        assertThat(content).isEqualTo("disk");
        assertThat(root.resolve("made/new")).isRegularFile();
    }

    /** Only root makes devices. */
    private void makeSpecial(List<String> made, String program, String name, String... arguments) {
        List<String> command =
                new ArrayList<>(List.of(program, root.resolve(name).toString()));
        command.addAll(List.of(arguments));
        if (Processes.run(Duration.ofSeconds(30), command).exitCode() == 0) {
            made.add(name);
        }
    }

    private HostFile open(String name, HostFiles.Mode mode) throws IOException {
        return folder.files().open(root.resolve(name), mode);
    }

    private String read(String name) throws IOException {
        try (HostFile file = open(name, HostFiles.Mode.READ);
                Arena arena = Arena.ofConfined()) {
            MemorySegment bytes = arena.allocate(16);
            return StandardCharsets.US_ASCII
                    .decode(bytes.asSlice(0, file.read(0, bytes)).asByteBuffer())
                    .toString();
        }
    }

    private static void assertRefused(Kind kind, ThrowingCallable call) {
        assertThatExceptionOfType(ImageException.class)
                .isThrownBy(call)
                .satisfies(refused -> assertThat(refused.kind()).isEqualTo(kind));
    }
}
