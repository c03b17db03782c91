package io.cowslip.drive.volume;

import io.cowslip.engine.ImageException;
import io.cowslip.engine.host.FolderEntry;
import io.cowslip.engine.host.HostFolder;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.List;

/**
 * Goes over all that is below the image root, past what is not for this process to see, such as a file system's {@code
 * lost+found}. Links are told of, and not followed.
 */
public final class RootWalk {

    /** What is done on the way. */
    public interface Visitor {
        /** Whether to go into a folder below the root. */
        default boolean enters(Path folder) {
            return true;
        }

        /** Tells of what is not a folder. */
        void visit(Path file, FolderEntry.Type type) throws ImageException;
    }

    private final HostFolder tree;
    private final Visitor visitor;
    private final Deque<Path> folders = new ArrayDeque<>();

    private RootWalk(HostFolder tree, Visitor visitor) {
        this.tree = tree;
        this.visitor = visitor;
    }

    /** Tells {@code visitor} of all files below the root, those that hold no volume as well. */
    public static void over(ImageRoot root, Visitor visitor) throws ImageException {
        RootWalk walk = new RootWalk(root.tree(), visitor);
        walk.tell(root.folder(), root.tree().entries(root.folder()));
        while (!walk.folders.isEmpty()) {
            walk.tellOf(walk.folders.removeLast());
        }
    }

    private void tellOf(Path folder) throws ImageException {
        List<FolderEntry> entries;
        try {
            entries = tree.entries(folder);
        } catch (ImageException notForUs) {
            // Gone since its name was read, or not for this process: either way nothing in it could be opened.
            return;
        }
        tell(folder, entries);
    }

    private void tell(Path folder, List<FolderEntry> entries) throws ImageException {
        for (FolderEntry entry : entries) {
            Path path;
            try {
                path = folder.resolve(entry.name());
            } catch (InvalidPathException unspeakable) {
                // A name that could not be asked for.
                continue;
            }
            if (entry.type() != FolderEntry.Type.FOLDER) {
                visitor.visit(path, entry.type());
            } else if (visitor.enters(path)) {
                folders.add(path);
            }
        }
    }
}
