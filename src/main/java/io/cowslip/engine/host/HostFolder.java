package io.cowslip.engine.host;

import io.cowslip.engine.ImageException;
import io.cowslip.engine.ImageException.Kind;
import java.io.IOException;
import java.lang.ref.Cleaner;
import java.lang.ref.Reference;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * A folder of the host by its descriptor, and what lies below it. Everything is found from that descriptor on and beneath
 * it, in one step with what is then done to it, so that nothing outside is ever reached, whatever becomes of names, folders
 * and links meanwhile. Paths are absolute, below {@link #path()}, which the folder had when it was opened; a folder that is
 * moved stays the folder.
 *
 * <p>{@link #look} follows symbolic links and tells the path without them. Everything else expects that path, and refuses
 * one in which there is a link, which somebody has put there since.
 *
 * <p>Failures are {@link ImageException}s: FORBIDDEN where a path leads out, or the host denies access; NOT_FOUND; IO. Any
 * thread.
 */
public final class HostFolder {
    private static final Cleaner CLEANER = Cleaner.create();
    private static final int NEW_FOLDER_MODE = 0b111_111_111;

    private final Path path;
    private final List<Path> paths;
    private final BeneathCalls calls;

    private HostFolder(Path path, List<Path> paths, BeneathCalls calls) {
        this.path = path;
        this.paths = paths;
        this.calls = calls;
    }

    /** Opens a folder that is there. */
    public static HostFolder open(Path folder) throws IOException {
        return open(folder, true);
    }

    /** @param openat2 whether to use that system call where the kernel has it */
    static HostFolder open(Path folder, boolean openat2) throws IOException {
        Path real = folder.toRealPath();
        int descriptor = Posix.open(real.toString(), Posix.O_PATH | Posix.O_DIRECTORY | Posix.O_NOFOLLOW, 0);
        if (descriptor < 0) {
            throw failure(real, -descriptor);
        }
        List<Path> paths = List.of(real, folder.toAbsolutePath().normalize());
        HostFolder opened = new HostFolder(real, paths, BeneathCalls.of(descriptor, paths, openat2));
        CLEANER.register(opened, () -> Posix.close(descriptor));
        return opened;
    }

    /** The folder's own path, without links in it. */
    public Path path() {
        return path;
    }

    /** Files below this folder; folders are synced below it, too. */
    public HostFiles files() {
        return new FolderFiles(this);
    }

    /** Whether every opening is one call of openat2(2); otherwise paths are followed name by name. */
    public boolean usesOpenat2() {
        return calls.usesOpenat2();
    }

    /** A descriptor, or the negated errno: what {@link PosixFile.Opener} asks for. */
    int openFile(Path file, int flags, int mode) throws ImageException {
        try {
            return calls.open(relative(file), flags, mode);
        } finally {
            Reference.reachabilityFence(this);
        }
    }

    /** What a path leads to, links followed. */
    public FolderFile look(Path file) throws ImageException {
        FolderFile found = find(file, BeneathWalk.Links.ALL);
        if (found == null) {
            throw failure(file, Posix.ENOENT);
        }
        return found;
    }

    /** The same, but of the last name nothing is followed; null: there is no such name. */
    public @Nullable FolderFile lookAtName(Path file) throws ImageException {
        try {
            return find(file, BeneathWalk.Links.ALL_BUT_LAST);
        } catch (ImageException refused) {
            if (refused.kind() == Kind.NOT_FOUND) {
                return null;
            }
            throw refused;
        }
    }

    private @Nullable FolderFile find(Path file, BeneathWalk.Links links) throws ImageException {
        try (BeneathWalk.Outcome outcome = calls.walk(relative(file), links)) {
            BeneathWalk walk = outcome.walk();
            if (walk == null) {
                throw failure(file, outcome.errno());
            }
            Posix.FileStatus status = walk.status();
            return status == null
                    ? null
                    : new FolderFile(
                            path.resolve(walk.real()).normalize(),
                            type(status),
                            status.identity(),
                            status.linkCount(),
                            status.sizeBytes(),
                            status.changed(),
                            status.modified());
        } finally {
            Reference.reachabilityFence(this);
        }
    }

    private static FolderEntry.Type type(Posix.FileStatus status) {
        if (status.isRegularFile()) {
            return FolderEntry.Type.FILE;
        }
        if (status.isFolder()) {
            return FolderEntry.Type.FOLDER;
        }
        return status.isSymbolicLink() ? FolderEntry.Type.LINK : FolderEntry.Type.OTHER;
    }

    /** Names in a folder, in no order. What is gone before it is looked at is left out, and what is not valid UTF-8. */
    public List<FolderEntry> entries(Path folder) throws ImageException {
        return inFolder(folder, Posix.O_RDONLY, descriptor -> {
            List<FolderEntry> entries = new ArrayList<>();
            int result = PosixNames.readFolder(descriptor, (name, type) -> {
                FolderEntry.Type known = type(descriptor, name, type);
                if (known != null && !name.equals(".") && !name.equals("..") && name.indexOf('\uFFFD') < 0) {
                    entries.add(new FolderEntry(name, known));
                }
            });
            require(folder, result);
            return entries;
        });
    }

    private static FolderEntry.@Nullable Type type(int folder, String name, int told) {
        return switch (told) {
            case 8 -> FolderEntry.Type.FILE;
            case 4 -> FolderEntry.Type.FOLDER;
            case 10 -> FolderEntry.Type.LINK;
            // Some file systems do not tell.
            case 0 -> typeAsked(folder, name);
            default -> FolderEntry.Type.OTHER;
        };
    }

    private static FolderEntry.@Nullable Type typeAsked(int folder, String name) {
        int descriptor = PosixNames.openat(folder, name, Posix.O_PATH | Posix.O_NOFOLLOW, 0);
        if (descriptor < 0) {
            return null;
        }
        FolderEntry.Type type = type(Posix.status(descriptor));
        Posix.close(descriptor);
        return type;
    }

    /** Makes a folder in one that is there. */
    public void makeFolder(Path folder) throws ImageException {
        inParent(folder, parent -> require(folder, PosixNames.mkdirat(parent, name(folder), NEW_FOLDER_MODE)));
    }

    /** Takes a file's name away; false where there is none. A link goes, not what it leads to. */
    public boolean remove(Path file) throws ImageException {
        return removed(file, parent -> PosixNames.unlink(parent, name(file)));
    }

    /** Takes an empty folder away; false where it is not there, or not empty. */
    public boolean removeFolder(Path folder) throws ImageException {
        return removed(folder, parent -> {
            int result = PosixNames.rmdir(parent, name(folder));
            // POSIX allows either.
            return result == -Posix.ENOTEMPTY || result == -Posix.EEXIST ? -Posix.ENOENT : result;
        });
    }

    /** What is done to a name in an open folder, as a result or negated errno. */
    @FunctionalInterface
    private interface NameCall {
        int in(int folder) throws ImageException;
    }

    private boolean removed(Path file, NameCall call) throws ImageException {
        int result;
        try {
            result = inParent(file, call::in);
        } catch (ImageException refused) {
            if (refused.kind() == Kind.NOT_FOUND) {
                return false;
            }
            throw refused;
        }
        if (result != -Posix.ENOENT) {
            require(file, result);
        }
        return result >= 0;
    }

    /**
     * Gives a file another name, which nobody has: ALREADY_EXISTS otherwise.
     *
     * <p>Where the file system cannot do that in one step it has both names for a moment.
     */
    public void rename(Path file, Path to) throws ImageException {
        int result = inParent(
                file,
                from -> inParent(to, into -> {
                    int renamed = PosixNames.renameUnlessThere(from, name(file), into, name(to));
                    return renamed == -Posix.EINVAL || renamed == -Posix.ENOSYS
                            ? renameByLink(from, name(file), into, name(to))
                            : renamed;
                }));
        require(to, result);
    }

    private static int renameByLink(int from, String name, int into, String newName) {
        int linked = PosixNames.linkat(from, name, into, newName);
        return linked < 0 ? linked : PosixNames.unlink(from, name);
    }

    /** Returns after the folder's entries are on stable storage. */
    void sync(Path folder) throws ImageException {
        int result = inFolder(folder, Posix.O_RDONLY, Posix::fsync);
        PosixFiles.requireFolderSynced(folder, result);
    }

    /** How many bytes of the folder's file system anybody may take. */
    public long usableBytes(Path folder) throws ImageException {
        long bytes = inFolder(folder, Posix.O_RDONLY, PosixNames::usableBytes);
        require(folder, (int) Math.min(0, bytes));
        return bytes;
    }

    /** What the host notes of files below this folder besides their content. */
    public ExtendedAttributes extendedAttributes() {
        return new ExtendedAttributes(this);
    }

    /** What is done with an open folder. */
    @FunctionalInterface
    private interface FolderCall<T> {
        T in(int folder) throws ImageException;
    }

    private <T> T inParent(Path file, FolderCall<T> call) throws ImageException {
        Path parent = Objects.requireNonNull(file.getParent());
        return inFolder(parent, Posix.O_PATH, call);
    }

    private <T> T inFolder(Path folder, int flags, FolderCall<T> call) throws ImageException {
        int descriptor = openFile(folder, flags | Posix.O_DIRECTORY, 0);
        require(folder, descriptor);
        try {
            return call.in(descriptor);
        } finally {
            Posix.close(descriptor);
        }
    }

    private Path relative(Path file) throws ImageException {
        for (Path own : paths) {
            if (file.startsWith(own)) {
                return own.relativize(file);
            }
        }
        throw failure(file, Posix.EXDEV);
    }

    private static String name(Path file) {
        return file.getFileName().toString();
    }

    static int require(Path file, int result) throws ImageException {
        if (result < 0) {
            throw failure(file, -result);
        }
        return result;
    }

    /** Messages go on after the file's name. */
    static ImageException failure(Path file, int errno) {
        return switch (errno) {
            case Posix.EXDEV -> ImageException.of(Kind.FORBIDDEN, file, "leads out of the image root");
            case Posix.ELOOP -> ImageException.of(Kind.NOT_FOUND, file, "is behind too many symbolic links");
            // A name too long for the host is one that no file has.
            case Posix.ENOENT, Posix.ENOTDIR, Posix.ENAMETOOLONG ->
                ImageException.of(Kind.NOT_FOUND, file, "is not there");
            case Posix.EEXIST -> ImageException.of(Kind.ALREADY_EXISTS, file, "is there already");
            case Posix.EACCES, Posix.EPERM, Posix.EROFS ->
                ImageException.of(Kind.FORBIDDEN, file, "cannot be reached: the host denies access");
            default -> ImageException.of(Kind.IO, file, "cannot be looked up (errno " + errno + ")");
        };
    }
}
