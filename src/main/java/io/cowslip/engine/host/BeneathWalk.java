package io.cowslip.engine.host;

import java.nio.file.Path;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * A path followed one name at a time from an open folder on, each opened from the one before without following links. What
 * a link says is taken apart and followed the same way, so that nobody who changes folders and links meanwhile can lead the
 * walk out: {@code ..} goes back to the folder that it came from, by its descriptor, and never above the first one. Used by
 * one thread.
 *
 * <p>Unlike openat2(2) it follows absolute links that lead below the folder's own path, and tells the path without links.
 */
final class BeneathWalk implements AutoCloseable {
    /** As many links as the kernel itself follows. */
    private static final int MAX_LINKS = 40;

    private final int root;
    private final List<Path> rootPaths;
    private final Deque<String> rest = new ArrayDeque<>();
    private final List<Integer> folders = new ArrayList<>();
    private final List<String> names = new ArrayList<>();
    private String last = ".";
    private Posix.@Nullable FileStatus status;
    private int linkCount;

    private BeneathWalk(int root, List<Path> rootPaths) {
        this.root = root;
        this.rootPaths = rootPaths;
    }

    /** Which symbolic links a walk follows. */
    enum Links {
        ALL,
        /** Those to folders only: of the last name nothing is followed. */
        ALL_BUT_LAST,
        /** None: a path that should have no links any more. */
        NONE
    }

    /** A walk, or the errno that it ended with. */
    record Outcome(@Nullable BeneathWalk walk, int errno) implements AutoCloseable {
        @Override
        public void close() {
            if (walk != null) {
                walk.close();
            }
        }
    }

    /**
     * Follows {@code relative}.
     *
     * @param rootPaths by which absolute links name the folder
     * @return a walk also where the last name is not there; the errno EXDEV where the path leads out of the folder
     */
    static Outcome to(Path relative, Links links, int root, List<Path> rootPaths) {
        BeneathWalk walk = new BeneathWalk(root, rootPaths);
        relative.forEach(name -> walk.rest.add(name.toString()));
        int errno = walk.follow(links);
        if (errno == 0) {
            return new Outcome(walk, 0);
        }
        walk.close();
        return new Outcome(null, errno);
    }

    private int follow(Links links) {
        while (!rest.isEmpty()) {
            String name = rest.removeFirst();
            int errno = name.equals("..") ? goBack() : name.isEmpty() || name.equals(".") ? 0 : goTo(name, links);
            if (errno != 0) {
                return errno;
            }
        }
        return 0;
    }

    private int goBack() {
        if (folders.isEmpty()) {
            return Posix.EXDEV;
        }
        leave();
        return 0;
    }

    private void leave() {
        Posix.close(folders.removeLast());
        names.removeLast();
        last = ".";
        status = null;
    }

    private int goTo(String name, Links links) {
        int found = PosixNames.openat(folder(), name, Posix.O_PATH | Posix.O_NOFOLLOW, 0);
        boolean isLast = rest.isEmpty();
        if (found < 0) {
            last = name;
            status = null;
            return isLast && found == -Posix.ENOENT ? 0 : -found;
        }
        Posix.FileStatus here = Posix.status(found);
        if (here.isSymbolicLink() && !(isLast && links != Links.ALL)) {
            int errno = links == Links.NONE ? Posix.ELOOP : unfold(found);
            Posix.close(found);
            return errno;
        }
        if (isLast) {
            last = name;
            status = here;
            Posix.close(found);
            return 0;
        }
        if (!here.isFolder()) {
            Posix.close(found);
            return Posix.ENOTDIR;
        }
        folders.add(found);
        names.add(name);
        return 0;
    }

    /** Puts what the link says before the rest of the way. */
    private int unfold(int link) {
        String text = PosixNames.readLink(link);
        if (text == null || ++linkCount > MAX_LINKS) {
            return text == null ? Posix.ENAMETOOLONG : Posix.ELOOP;
        }
        String target = text;
        if (text.startsWith("/")) {
            target = belowRoot(text);
            if (target == null) {
                return Posix.EXDEV;
            }
            leaveAll();
        }
        List<String> parts = List.of(target.split("/"));
        parts.reversed().forEach(rest::addFirst);
        return 0;
    }

    /** An absolute path of the host as one from the folder on; null where it does not begin with the folder's. */
    private @Nullable String belowRoot(String absolute) {
        for (Path path : rootPaths) {
            String prefix = path + "/";
            if ((absolute + "/").startsWith(prefix)) {
                return absolute.substring(Math.min(absolute.length(), prefix.length()));
            }
        }
        return null;
    }

    /** The open folder that the last name is in. */
    int folder() {
        return folders.isEmpty() ? root : folders.getLast();
    }

    /** The last name; {@code .} where the path leads to the folder itself. */
    String name() {
        return last;
    }

    /** The way without links, from the first folder on. */
    Path real() {
        Path real = Path.of("");
        for (String name : names) {
            real = real.resolve(name);
        }
        return last.equals(".") ? real : real.resolve(last);
    }

    /** What the path leads to; null where nothing is there. */
    Posix.@Nullable FileStatus status() {
        return last.equals(".") ? Posix.status(folder()) : status;
    }

    private void leaveAll() {
        while (!folders.isEmpty()) {
            leave();
        }
    }

    @Override
    public void close() {
        leaveAll();
    }
}
