package io.cowslip.drive.volume;

import io.cowslip.access.Caller;
import io.cowslip.drive.ReferencePolicy;
import io.cowslip.engine.ImageException;
import io.cowslip.engine.ImageException.Kind;
import io.cowslip.engine.host.FileIdentity;
import io.cowslip.engine.host.FolderEntry;
import io.cowslip.engine.host.FolderFile;
import io.cowslip.engine.host.HostFiles;
import io.cowslip.engine.host.HostFolder;
import io.cowslip.engine.image.file.FileReferences;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * The folder that holds the volumes, and the one place that turns names into files of the host. A name is followed only
 * when what it stands for, symbolic links resolved, is a regular file below the folder. Messages repeat a caller's own
 * name, never one found inside an image and never a path of the host.
 *
 * <p>Names are resolved, and files opened, renamed and taken away, from the folder's descriptor on ({@link HostFolder}):
 * who changes folders and links in the root meanwhile gets a refusal at most, and never a file outside. {@link #files}
 * opens what was resolved, so that this holds each time that a file is opened again as well.
 */
public final class ImageRoot implements FileReferences {
    private final Path named;
    private final HostFolder tree;
    private final HostFiles files;
    private final ReferencePolicy policy;

    private final VolumeLimits limits;

    private ImageRoot(Path named, HostFolder tree, HostFiles files, ReferencePolicy policy, VolumeLimits limits) {
        this.named = named;
        this.tree = tree;
        this.files = files;
        this.policy = policy;
        this.limits = limits;
    }

    /** Uses {@code folder}, which is made when it is missing. */
    public static ImageRoot at(Path folder) throws IOException {
        return at(folder, ReferencePolicy.FOLLOW_ALL, VolumeLimits.NONE);
    }

    /** The same, with what its images may refer to, and what its volumes may take. */
    static ImageRoot at(Path folder, ReferencePolicy policy, VolumeLimits limits) throws IOException {
        Files.createDirectories(folder);
        HostFolder tree = HostFolder.open(folder);
        return new ImageRoot(folder.toAbsolutePath().normalize(), tree, tree.files(), policy, limits);
    }

    /** @param files syncs folders */
    static ImageRoot at(Path folder, HostFiles files) throws IOException {
        ImageRoot root = at(folder);
        return new ImageRoot(root.named, root.tree, files, root.policy, root.limits);
    }

    /** The folder itself, as a real path of the host. Not to be shown to callers outside. */
    public Path folder() {
        return tree.path();
    }

    /** What volumes may take. */
    public VolumeLimits limits() {
        return limits;
    }

    /** What is below the folder. */
    public HostFolder tree() {
        return tree;
    }

    /** Opens files of the root, and nothing else. */
    public HostFiles files() {
        return tree.files();
    }

    /** Notes on the volumes. */
    FileMarks marks() {
        return new FileMarks(tree.extendedAttributes());
    }

    /** The existing volume that a caller named, as its path without links. */
    public Path existing(String name) throws ImageException {
        return regularFile(lexical(name), "the volume \"" + name + "\"");
    }

    private Path lexical(String name) throws ImageException {
        VolumeName.check(name, folder());
        try {
            return folder().resolve(name);
        } catch (InvalidPathException e) {
            throw ImageException.of(Kind.FORBIDDEN, "the host has no such file names")
                    .causedBy(e);
        }
    }

    /** The directory entry that a caller named, whether it is there or not: a link of that name is not followed. */
    public Path entry(String name) throws ImageException {
        Path entry = lexical(name);
        Path parent = Objects.requireNonNull(entry.getParent());
        try {
            return reachable(tree.look(parent).path().resolve(entry.getFileName()), "the volume \"" + name + "\"");
        } catch (ImageException e) {
            if (e.kind() == Kind.NOT_FOUND) {
                return entry;
            }
            throw about("the folder of the volume \"" + name + "\"", e);
        }
    }

    /** Whether there is something of the name, and be it a link that leads nowhere. */
    public boolean isTaken(String name) throws ImageException {
        return tree.lookAtName(entry(name)) != null;
    }

    /**
     * Where a new volume of this name goes. Its folder is made, durably, and lies below the root with links resolved; where
     * that fails, nothing is made.
     */
    public Path newEntry(String name) throws IOException {
        Path entry = lexical(name);
        String[] segments = name.split("/");
        Path folder = folder();
        boolean made = false;
        try {
            for (int i = 0; i < segments.length - 1; i++) {
                folder = subfolder(folder.resolve(segments[i]));
            }
            Path place = reachable(folder.resolve(segments[segments.length - 1]), "the volume \"" + name + "\"");
            made = true;
            return place;
        } finally {
            if (!made) {
                removeEmptyFolders(entry);
            }
        }
    }

    private Path subfolder(Path folder) throws IOException {
        String subject = "the folder \"" + relativeName(folder) + "\"";
        if (isMade(folder, subject)) {
            files.syncFolder(Objects.requireNonNull(folder.getParent()));
            return folder;
        }
        FolderFile there = look(folder, subject);
        if (there.type() != FolderEntry.Type.FOLDER) {
            throw ImageException.of(Kind.ALREADY_EXISTS, there.path(), "a volume stands where a folder is needed");
        }
        return there.path();
    }

    private boolean isMade(Path folder, String subject) throws ImageException {
        try {
            tree.makeFolder(folder);
            return true;
        } catch (ImageException e) {
            if (e.kind() == Kind.ALREADY_EXISTS) {
                return false;
            }
            throw about(subject, e);
        }
    }

    /**
     * Takes away the folders above a volume that is gone, as far as they are empty: a folder has no life of its own
     * here, and would keep its name from being used for a volume.
     */
    public void removeEmptyFolders(Path file) throws IOException {
        Path folder = file.getParent();
        while (folder != null && isBelowRoot(folder)) {
            FolderFile there = tree.lookAtName(folder);
            if (there != null && (there.type() != FolderEntry.Type.FOLDER || !tree.removeFolder(folder))) {
                return;
            }
            folder = folder.getParent();
        }
    }

    private boolean isBelowRoot(Path folder) {
        return folder.startsWith(folder()) && !folder.equals(folder());
    }

    @Override
    public Path resolve(Path image, String name, Role role) throws ImageException {
        if (UploadedReferences.areNone(this, image)) {
            throw ImageException.of(
                            Kind.INVALID_FORMAT,
                            "the image came by an upload that named no " + role.option() + ", and has one now;"
                                    + " a rebase or an amendment names another")
                    .concerning(role.option());
        }
        return resolveGiven(image, name, role);
    }

    @Override
    public Path resolveGiven(Path image, String name, Role role) throws ImageException {
        policy.requireAllowed(role);
        Path file;
        try {
            file = regularFile(sibling(image, name), "the file that the image names");
        } catch (ImageException refused) {
            throw refused.concerning(role.option());
        }
        policy.requireAllowed(role, image, file);
        return file;
    }

    @Override
    public Path resolveNew(Path image, String name) throws IOException {
        policy.requireAllowed(Role.DATA_FILE);
        Path file = sibling(image, name);
        policy.requireAllowed(Role.DATA_FILE, image, file);
        return newEntry(relativeName(file));
    }

    private Path sibling(Path image, String name) throws ImageException {
        if (VolumeName.hasScheme(name) || VolumeName.hasControls(name) || name.isEmpty()) {
            throw outside();
        }
        try {
            Path file = image.resolveSibling(name).normalize();
            // Refused by the name alone before the host is asked: an answer about files outside would tell which exist.
            if (!file.startsWith(folder()) && !file.startsWith(named)) {
                throw outside();
            }
            return file;
        } catch (InvalidPathException e) {
            throw outside().causedBy(e);
        }
    }

    /** A file as callers may see it: relative to the root. */
    public String relativeName(Path file) {
        if (file.startsWith(folder())) {
            return folder().relativize(file).toString();
        }
        if (file.startsWith(named)) {
            return named.relativize(file).toString();
        }
        return "(outside the image root)";
    }

    /** What the host knows of a file, whatever name led to it. */
    public FolderFile look(Path file) throws ImageException {
        return tree.look(file);
    }

    /** Which file of the host this is, whatever name led to it. */
    public FileIdentity identity(Path file) throws ImageException {
        return look(file).identity();
    }

    /** The regular file of exactly this path; null where there is none, or something else. */
    public @Nullable FolderFile ownFile(Path file) throws ImageException {
        FolderFile found = tree.lookAtName(file);
        return found == null || found.type() != FolderEntry.Type.FILE ? null : found;
    }

    /** How many bytes of the file system that a file is on, or would be, anybody may take. */
    public long usableBytes(Path file) throws ImageException {
        Path folder = Objects.requireNonNull(file.getParent());
        while (isBelowRoot(folder) && tree.lookAtName(folder) == null) {
            folder = Objects.requireNonNull(folder.getParent());
        }
        return tree.usableBytes(folder);
    }

    /**
     * Refuses to take so much space for a file besides what is to be left.
     *
     * @throws ImageException NO_SPACE
     */
    public void requireRoom(Path file, long bytes) throws ImageException {
        limits.requireRoom(usableBytes(file), bytes);
    }

    /** Whether files in a folder, given by its real path, could be volumes: it lies in the root, and is not hidden. */
    public boolean mayHoldVolumes(Path folder) {
        return folder.equals(folder())
                || (folder.startsWith(folder())
                        && VolumeName.isValid(folder().relativize(folder).toString()));
    }

    /** Whether this file, links resolved, is a regular one below the root. */
    public boolean holds(Path file) {
        try {
            return look(file).type() == FolderEntry.Type.FILE;
        } catch (IOException e) {
            // A link that leads nowhere, or a file that has just gone: either way not a volume.
            return false;
        }
    }

    /** What links lead to, and what an image names, is held to what the caller may reach as well. */
    private Path reachable(Path file, String subject) throws ImageException {
        if (!Caller.reaches(relativeName(file))) {
            throw ImageException.of(
                    Kind.FORBIDDEN,
                    subject + " leads out of what the caller may reach, which is what lies beneath "
                            + Caller.current().reach());
        }
        return file;
    }

    private Path regularFile(Path file, String subject) throws ImageException {
        FolderFile found = look(file, subject);
        return switch (found.type()) {
            case FILE -> reachable(found.path(), subject);
            case FOLDER -> throw ImageException.of(Kind.NOT_FOUND, subject + " is not there: a folder has this name");
            default -> throw ImageException.of(Kind.FORBIDDEN, subject + " is not a regular file");
        };
    }

    private FolderFile look(Path file, String subject) throws ImageException {
        try {
            return look(file);
        } catch (ImageException e) {
            throw about(subject, e);
        }
    }

    private static ImageException about(String subject, ImageException failure) {
        return ImageException.of(failure.kind(), subject + " " + failure.getMessage())
                .causedBy(failure);
    }

    private static ImageException outside() {
        return ImageException.of(
                Kind.FORBIDDEN, "the image names a file that may not be followed: it must be below the image root");
    }
}
