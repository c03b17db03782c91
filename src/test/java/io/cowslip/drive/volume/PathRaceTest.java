package io.cowslip.drive.volume;

import static org.assertj.core.api.Assertions.assertThat;

import io.cowslip.engine.ImageException;
import io.cowslip.engine.host.FileIdentity;
import io.cowslip.engine.host.FolderFile;
import io.cowslip.engine.host.HostFile;
import io.cowslip.engine.host.HostFiles;
import io.cowslip.engine.image.file.FileReferences.Role;
import io.cowslip.testing.NameSwap;
import io.cowslip.testing.NoOpenat2;
import io.cowslip.testing.Seeds;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * Symlinks, special files, races: somebody who may write in the image root swaps folders and files for links that lead out,
 * as fast as the host does that, while names are resolved and files opened, made, renamed and taken away. Counted: how often
 * each was tried; never seen: the file outside, and anything new or missing beside it.
 */
@Tag("long")
@DisplayName("Links that come and go: Incus CVE-2026-48749, -48750, -48752, KubeVirt CVE-2025-64324")
class PathRaceTest {
    private static final int ATTEMPTS = Seeds.longRun() ? 100_000 : 1_500;
    private static final String CANARY = "canary";
    private static final int ENOSYS = 38;

    @TempDir
    private Path temporary;

    private Path folder;
    private Path outside;
    private FileIdentity canary;
    private ImageRoot root;

    @FunctionalInterface
    private interface Attempt {
        /** Whether it got something. */
        boolean make(int number) throws IOException;
    }

    @BeforeEach
    void setUp() throws IOException {
        Path real = temporary.toRealPath();
        folder = Files.createDirectory(real.resolve("images"));
        outside = Files.createDirectory(real.resolve("outside"));
        Files.writeString(outside.resolve("disk"), CANARY);
        Files.createDirectory(folder.resolve("vm"));
        Files.writeString(folder.resolve("vm/disk"), "inside");
        canary = ImageRoot.at(outside).identity(outside.resolve("disk"));
        root = ImageRoot.at(folder);
    }

    private void race(Path one, Path other, Attempt attempt) throws IOException {
        race(one, other, attempt, false);
    }

    /** @param both goes on until something was got, and something refused: on a busy machine that may take a while */
    private void race(Path one, Path other, Attempt attempt, boolean both) throws IOException {
        int opened = 0;
        int refused = 0;
        long swaps;
        try (NameSwap swap = NameSwap.of(one, other)) {
            for (int i = 0; i < ATTEMPTS || (both && (opened == 0 || refused == 0)); i++) {
                try {
                    if (attempt.make(i)) {
                        opened++;
                    } else {
                        refused++;
                    }
                } catch (ImageException e) {
                    refused++;
                }
            }
            swaps = swap.swaps();
        }
        System.out.println(one.getFileName() + " swapped " + swaps + " times during " + (opened + refused)
                + " attempts: " + opened + " got the file inside, " + refused + " were refused");
        assertThat(swaps).isPositive();
        assertThat(outside.resolve("disk")).hasContent(CANARY);
        try (var names = Files.list(outside)) {
            assertThat(names).containsExactly(outside.resolve("disk"));
        }
    }

    private boolean readsInside(String name, HostFiles.Mode mode) throws IOException {
        Path path = root.existing(name);
        assertThat(root.identity(path)).isNotEqualTo(canary);
        try (HostFile file = root.files().open(path, mode);
                Arena arena = Arena.ofConfined()) {
            assertThat(file.identity()).isNotEqualTo(canary);
            MemorySegment bytes = arena.allocate(16);
            byte[] read = bytes.asSlice(0, file.read(0, bytes)).toArray(ValueLayout.JAVA_BYTE);
            assertThat(new String(read, StandardCharsets.US_ASCII)).isEqualTo("inside");
            return true;
        }
    }

    private void openings() throws IOException {
        Path link = Files.createSymbolicLink(folder.resolve("link"), outside);
        race(
                folder.resolve("vm"),
                link,
                number -> readsInside("vm/disk", number % 2 == 0 ? HostFiles.Mode.READ : HostFiles.Mode.READ_WRITE),
                true);
    }

    @Test
    void foldersAreSwappedWhileFilesInThemAreOpened() throws IOException {
        openings();
    }

    @Test
    void theSameWithoutOpenat2() throws Exception {
        NoOpenat2.call(ENOSYS, () -> {
            root = ImageRoot.at(folder);
            openings();
            return null;
        });
    }

    @Test
    void filesAreSwappedForLinks() throws IOException {
        Files.writeString(folder.resolve("disk"), "inside");
        Path link = Files.createSymbolicLink(folder.resolve("link"), outside.resolve("disk"));
        race(folder.resolve("disk"), link, number -> readsInside("disk", HostFiles.Mode.READ_WRITE));
    }

    @Test
    @DisplayName("A file that is opened again, as by PATCH /drives or after a restart, is found through the same door")
    void pathsThatWereResolvedLongAgo() throws IOException {
        Path resolved = root.existing("vm/disk");
        Path link = Files.createSymbolicLink(folder.resolve("link"), outside);
        race(
                folder.resolve("vm"),
                link,
                number -> {
                    try (HostFile file = root.files().open(resolved, HostFiles.Mode.READ)) {
                        assertThat(file.identity()).isNotEqualTo(canary);
                        return true;
                    }
                },
                true);
    }

    @Test
    void whatAnImageNamesIsSwapped() throws IOException {
        Files.writeString(folder.resolve("image"), "image");
        Path link = Files.createSymbolicLink(folder.resolve("link"), Path.of("../outside"));
        race(folder.resolve("vm"), link, number -> {
            Path backing = root.resolve(root.existing("image"), "vm/disk", Role.BACKING_FILE);
            FolderFile found = root.look(backing);
            assertThat(found.identity()).isNotEqualTo(canary);
            try (HostFile file = root.files().open(backing, HostFiles.Mode.READ)) {
                assertThat(file.identity()).isNotEqualTo(canary);
                return true;
            }
        });
    }

    @Test
    void newFilesAndFoldersAreMadeInside() throws IOException {
        Path link = Files.createSymbolicLink(folder.resolve("link"), outside);
        race(folder.resolve("vm"), link, number -> {
            Path entry = root.newEntry("vm/new/" + number % 7);
            root.files().open(entry, HostFiles.Mode.CREATE_NEW).close();
            root.tree().rename(entry, folder.resolve("vm/renamed"));
            return root.tree().remove(folder.resolve("vm/renamed"));
        });
    }

    @Test
    void nothingOutsideIsTakenAwayOrMoved() throws IOException {
        Path link = Files.createSymbolicLink(folder.resolve("link"), outside);
        Files.delete(folder.resolve("vm/disk"));
        race(folder.resolve("vm"), link, number -> {
            Path entry = root.entry("vm/disk");
            boolean gone = root.tree().remove(entry);
            root.tree().removeFolder(folder.resolve("vm/none"));
            root.tree().rename(folder.resolve("vm/disk"), folder.resolve("mine"));
            return gone;
        });
        assertThat(folder.resolve("mine")).doesNotExist();
    }

    @Test
    void aListingNamesNothingOutside() throws IOException {
        Files.delete(outside.resolve("disk"));
        Files.writeString(outside.resolve("outside-disk"), CANARY);
        Path link = Files.createSymbolicLink(folder.resolve("link"), outside);
        List<String> seen = new ArrayList<>();
        try (NameSwap swap = NameSwap.of(folder.resolve("vm"), link)) {
            for (int i = 0; i < ATTEMPTS; i++) {
                for (String name : new VolumeListing(root).all()) {
                    if (!name.endsWith("/disk")) {
                        seen.add(name);
                    }
                }
            }
            assertThat(swap.swaps()).isPositive();
        }
        assertThat(seen).isEmpty();
    }
}
