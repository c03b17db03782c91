package io.cowslip.drive.volume;

import io.cowslip.access.Caller;
import io.cowslip.engine.host.FolderEntry;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.TreeSet;
import org.jspecify.annotations.Nullable;

/**
 * Walks the image root for volumes: regular files, and links to regular files inside the root. Nothing hidden, nothing
 * that could not be asked for by its name. Links to folders are not followed; what lies there is listed by its own name.
 */
public record VolumeListing(ImageRoot root) {
    private static final Comparator<String> CODE_POINT_ORDER =
            Comparator.comparing(name -> name.getBytes(StandardCharsets.UTF_8), Arrays::compareUnsigned);

    /** The names of all volumes, relative to the image root. */
    public List<String> all() throws IOException {
        return List.copyOf(walk("", null, Integer.MAX_VALUE));
    }

    /** The walk keeps no more names than the page takes, so a large root costs time only. */
    Volumes.Page page(String prefix, @Nullable String after, int limit) throws IOException {
        if (limit < 1) {
            throw new IllegalArgumentException("limit is " + limit + "; it must be at least 1");
        }
        TreeSet<String> names = walk(prefix, after, limit);
        boolean last = names.size() <= limit;
        if (!last) {
            names.removeLast();
        }
        return new Volumes.Page(List.copyOf(names), last ? null : names.getLast());
    }

    /** The first names in order: one more than the limit where there are more. */
    private TreeSet<String> walk(String prefix, @Nullable String after, int limit) throws IOException {
        TreeSet<String> names = new TreeSet<>(CODE_POINT_ORDER);
        RootWalk.over(root, new RootWalk.Visitor() {
            @Override
            public boolean enters(Path folder) {
                return mayHold(root.relativeName(folder) + "/", prefix);
            }

            @Override
            public void visit(Path file, FolderEntry.Type type) {
                String name = root.relativeName(file);
                if (name.startsWith(prefix)
                        && Caller.reaches(name)
                        && isAfter(name, after)
                        && isVolume(name, file, type)) {
                    names.add(name);
                    if (names.size() - 1 > limit) {
                        names.removeLast();
                    }
                }
            }
        });
        return names;
    }

    private static boolean mayHold(String folder, String prefix) {
        return !folder.substring(folder.lastIndexOf('/', folder.length() - 2) + 1)
                        .startsWith(".")
                && (folder.startsWith(prefix) || prefix.startsWith(folder));
    }

    private static boolean isAfter(String name, @Nullable String after) {
        return after == null || CODE_POINT_ORDER.compare(name, after) > 0;
    }

    private boolean isVolume(String name, Path file, FolderEntry.Type type) {
        return VolumeName.isValid(name)
                && (type == FolderEntry.Type.FILE || (type == FolderEntry.Type.LINK && root.holds(file)));
    }
}
