package io.cowslip.engine.host;

import java.nio.file.Path;
import java.util.List;

/**
 * Opens what lies beneath an open folder: by openat2(2) where the kernel has it (Linux 5.6) and lets us call it, which
 * container runtimes of before then do not, and else by a walk that opens name after name without following links.
 */
final class BeneathCalls {
    private static final long RESOLVE =
            PosixNames.RESOLVE_BENEATH | PosixNames.RESOLVE_NO_MAGICLINKS | PosixNames.RESOLVE_NO_SYMLINKS;

    /** What openat2 says where a folder was moved while it looked, though nothing is wrong. */
    private static final int MAX_ATTEMPTS = 100;

    private final int folder;
    private final List<Path> paths;
    private final boolean openat2;

    private BeneathCalls(int folder, List<Path> paths, boolean openat2) {
        this.folder = folder;
        this.paths = paths;
        this.openat2 = openat2;
    }

    /**
     * Calls from the open {@code folder} on.
     *
     * @param paths by which absolute links name it
     * @param wanted whether openat2 is to be used where it works
     */
    static BeneathCalls of(int folder, List<Path> paths, boolean wanted) {
        return new BeneathCalls(folder, paths, wanted && openat2Works(folder));
    }

    private static boolean openat2Works(int folder) {
        int tried = PosixNames.openat2(folder, ".", Posix.O_PATH | Posix.O_DIRECTORY, 0, RESOLVE);
        if (tried >= 0) {
            Posix.close(tried);
        }
        return tried >= 0;
    }

    boolean usesOpenat2() {
        return openat2;
    }

    BeneathWalk.Outcome walk(Path relative, BeneathWalk.Links links) {
        return BeneathWalk.to(relative, links, folder, paths);
    }

    /** Opens a path that has no links in it: ELOOP where it has. */
    int open(Path relative, int flags, int mode) {
        return openat2 ? openInOneStep(relative, flags, mode) : openByWalk(relative, flags, mode);
    }

    private int openInOneStep(Path relative, int flags, int mode) {
        String name = relative.toString().isEmpty() ? "." : relative.toString();
        int result = -Posix.EAGAIN;
        for (int attempt = 0; attempt < MAX_ATTEMPTS && result == -Posix.EAGAIN; attempt++) {
            result = PosixNames.openat2(folder, name, flags, mode, RESOLVE);
        }
        return result;
    }

    private int openByWalk(Path relative, int flags, int mode) {
        try (BeneathWalk.Outcome outcome = walk(relative, BeneathWalk.Links.NONE)) {
            BeneathWalk walk = outcome.walk();
            return walk == null
                    ? -outcome.errno()
                    : PosixNames.openat(walk.folder(), walk.name(), flags | Posix.O_NOFOLLOW, mode);
        }
    }
}
