package io.cowslip.drive.volume;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import io.cowslip.engine.ImageException;
import io.cowslip.engine.cache.CacheFactory;
import io.cowslip.engine.host.HostFile;
import io.cowslip.engine.host.HostFiles;
import io.cowslip.engine.host.ImageLock;
import io.cowslip.engine.image.file.ImageEnvironment;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.locks.Lock;
import java.util.concurrent.locks.ReentrantLock;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Volumes in the making: seen by nobody, there at once when they are whole, gone when they are not. */
class PendingVolumeTest {
    private final Lock change = new ReentrantLock();
    private final HostFiles files = HostFiles.posix();

    @TempDir
    Path folder;

    private ImageRoot root;
    private ImageEnvironment environment;

    @BeforeEach
    void makeRoot() throws IOException {
        root = ImageRoot.at(folder);
        environment = new ImageEnvironment(files, root, CacheFactory.plain());
    }

    @Test
    void itHasItsNameOnceItIsPublished() throws IOException {
        try (PendingVolume pending = PendingVolume.of(root, "vm/disk.raw", 7)) {
            Files.writeString(pending.file(), "whole");
            assertThat(new VolumeListing(root).all()).isEmpty();
            assertThat(pending.file()).hasParentRaw(root.folder().resolve("vm"));
            assertThat(pending.publish(change, environment))
                    .isEqualTo(root.folder().resolve("vm/disk.raw"));
        }
        assertThat(new VolumeListing(root).all()).containsExactly("vm/disk.raw");
        assertThat(root.folder().resolve("vm/disk.raw")).hasContent("whole");
    }

    @Test
    void nothingIsLeftOfWhatIsNotPublished() throws IOException {
        try (PendingVolume pending = PendingVolume.of(root, "vm/new/disk.raw", 7)) {
            Files.writeString(pending.file(), "half");
            Path data = Files.writeString(pending.file().resolveSibling("disk.data"), "half");
            pending.hasDataIn(data);
        }
        assertThat(root.folder()).isEmptyDirectory();
    }

    @Test
    void whoIsFirstKeepsTheName() throws IOException {
        try (PendingVolume pending = PendingVolume.of(root, "disk.raw", 7)) {
            Files.writeString(pending.file(), "second");
            Files.writeString(root.folder().resolve("disk.raw"), "first");
            assertThatExceptionOfType(ImageException.class)
                    .isThrownBy(() -> pending.publish(change, environment))
                    .withMessage("\"disk.raw\" is there already");
        }
        assertThat(root.folder().resolve("disk.raw")).hasContent("first");
        assertThatExceptionOfType(ImageException.class).isThrownBy(() -> PendingVolume.of(root, "disk.raw", 8));
    }

    @Test
    void longNamesFit() throws IOException {
        try (PendingVolume pending = PendingVolume.of(root, "\u00fc".repeat(127), 7)) {
            Files.writeString(pending.file(), "whole");
            pending.publish(change, environment);
        }
        assertThat(new VolumeListing(root).all()).containsExactly("\u00fc".repeat(127));
    }

    @Test
    void leftoversGoUnlessSomebodyIsAtWorkOnThem() throws IOException {
        Path dead = unfinished("vm/dead.qcow2", 1);
        Path alive = unfinished("vm/alive.qcow2", 2);
        Path hidden = Files.writeString(root.folder().resolve(".other"), "not ours");
        try (HostFile held = files.open(alive, HostFiles.Mode.READ)) {
            held.lock(ImageLock.WRITER);
            new Leftovers(root, files).remove();
        }
        assertThat(dead).doesNotExist();
        assertThat(alive).exists();
        assertThat(hidden).exists();
        new Leftovers(root, files).remove();
        assertThat(root.folder().resolve("vm")).doesNotExist();
    }

    /** As a killed service leaves it. */
    @SuppressWarnings("MustBeClosedChecker")
    private Path unfinished(String name, long tag) throws IOException {
        return Files.writeString(PendingVolume.of(root, name, tag).file(), "half");
    }
}
