package io.cowslip.drive.volume;

import io.cowslip.drive.DriveException;
import io.cowslip.drive.DriveException.Reason;
import io.cowslip.engine.ImageException;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;

/**
 * Volumes that were cloned, and are not written any more as long as clones are there: what a clone reads would change under
 * it. A mark on the base says that clones have to be looked for, so that an opening of any other volume need not.
 */
public record CloneBases(ImageRoot root) {
    private static final String MARK = "clone-base";

    /** Notes that a clone is going to be made of this volume. */
    void mark(Path base) throws ImageException {
        root.marks().set(base, MARK, "y");
    }

    /**
     * Refuses to have a volume written that clones back on; once they are gone, forgets that there were any.
     *
     * @throws DriveException IN_USE, naming the first of them
     */
    public void requireNoClones(String name, Path file, VolumeDependents dependents) throws IOException {
        FileMarks marks = root.marks();
        if (marks.get(file, MARK) == null) {
            return;
        }
        List<VolumeDependents.Dependent> found = dependents.of(root.identity(file));
        if (found.isEmpty()) {
            marks.remove(file, MARK);
            return;
        }
        VolumeDependents.Dependent first = found.getFirst();
        throw new DriveException(
                Reason.IN_USE,
                "\"" + first.volume() + "\" " + first.need() + " \"" + name
                        + "\", which was cloned: what is written there would change under it; open it with read-only");
    }
}
