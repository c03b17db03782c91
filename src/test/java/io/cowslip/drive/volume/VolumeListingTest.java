package io.cowslip.drive.volume;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class VolumeListingTest {
    @TempDir
    private Path temporary;

    private Path folder;
    private VolumeListing listing;

    @BeforeEach
    void setUp() throws IOException {
        ImageRoot root = ImageRoot.at(temporary.resolve("images"));
        folder = root.folder();
        listing = new VolumeListing(root);
    }

    @Test
    void anEmptyRootHasOneEmptyPage() throws IOException {
        assertThat(listing.page("", null, 10)).isEqualTo(new Volumes.Page(List.of(), null));
    }

    @Test
    void namesAreInCodePointOrderAcrossFolders() throws IOException {
        make("b", "a/z", "a.x", "a/b/c", "\uD83D\uDE00", "\uFB01");

        assertThat(listing.all()).containsExactly("a.x", "a/b/c", "a/z", "b", "\uFB01", "\uD83D\uDE00");
    }

    @Test
    void pagesJoinUpToTheWhole() throws IOException {
        make("a", "b", "c/1", "c/2", "d", "e");
        List<String> names = new ArrayList<>();
        String after = null;
        int pages = 0;
        do {
            Volumes.Page page = listing.page("", after, 2);
            names.addAll(page.names());
            after = page.next();
            pages++;
        } while (after != null);

        assertThat(names).containsExactlyElementsOf(listing.all());
        assertThat(pages).isEqualTo(3);
    }

    @Test
    void aPrefixNeedNotEndWithAFolder() throws IOException {
        make("vm1/root", "vm1/data", "vm10/root", "vm2/root", "v");

        assertThat(names("vm1", null)).containsExactly("vm1/data", "vm1/root", "vm10/root");
        assertThat(names("vm1/", null)).containsExactly("vm1/data", "vm1/root");
        assertThat(names("vm1/r", null)).containsExactly("vm1/root");
        assertThat(names("vm", "vm1/root")).containsExactly("vm10/root", "vm2/root");
        assertThat(names("none/", null)).isEmpty();
    }

    @Test
    void whatCannotBeAskedForIsNotListed() throws IOException {
        Path secret = Files.writeString(temporary.resolve("secret"), "secret");
        make("inside", ".hidden", ".hidden.d/x", "a/.hidden", "with:colon");
        Files.createSymbolicLink(folder.resolve("out"), secret);
        Files.createSymbolicLink(folder.resolve("above"), temporary);
        Files.createSymbolicLink(folder.resolve("nowhere"), Path.of("none"));
        Files.createSymbolicLink(folder.resolve("link"), Path.of("inside"));

        assertThat(listing.all()).containsExactly("inside", "link");
    }

    @Test
    void aPageHoldsSomething() {
        assertThatIllegalArgumentException().isThrownBy(() -> listing.page("", null, 0));
    }

    private List<String> names(String prefix, @Nullable String after) throws IOException {
        return listing.page(prefix, after, 100).names();
    }

    private void make(String... names) throws IOException {
        for (String name : names) {
            Path file = folder.resolve(name);
            Files.createDirectories(file.resolve("..").normalize());
            Files.createFile(file);
        }
    }
}
