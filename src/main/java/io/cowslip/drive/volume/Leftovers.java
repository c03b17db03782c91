package io.cowslip.drive.volume;

import io.cowslip.engine.ImageException;
import io.cowslip.engine.host.FolderEntry;
import io.cowslip.engine.host.HostFile;
import io.cowslip.engine.host.HostFiles;
import io.cowslip.engine.host.ImageLock;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Takes away what a service that was killed has left of volumes in the making. Another service on the same root that is
 * at work on one has it locked.
 */
public record Leftovers(ImageRoot root, HostFiles files) {
    private static final Logger log = LoggerFactory.getLogger(Leftovers.class);

    /** Looks through the whole image root. To be called before anything makes volumes there. */
    public void remove() throws IOException {
        List<Path> found = new ArrayList<>();
        RootWalk.over(root, (file, type) -> {
            if (type == FolderEntry.Type.FILE && PendingVolume.isPending(file)) {
                found.add(file);
            }
        });
        for (Path file : found) {
            removeUnlessHeld(file);
        }
    }

    private void removeUnlessHeld(Path file) throws IOException {
        try (HostFile held = files.open(file, HostFiles.Mode.READ)) {
            held.lock(ImageLock.WRITER);
            root.tree().remove(file);
            log.info("Took away {}, a volume that was never finished", root.relativeName(file));
        } catch (ImageException inUse) {
            log.info("Left {} alone, which may still be in the making", root.relativeName(file), inUse);
            return;
        }
        root.removeEmptyFolders(file);
    }
}
