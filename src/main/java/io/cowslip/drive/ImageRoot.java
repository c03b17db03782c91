package io.cowslip.drive;

import io.cowslip.engine.ImageException;
import io.cowslip.engine.ImageException.Kind;
import io.cowslip.engine.host.FileIdentity;
import io.cowslip.engine.host.HostFiles;
import io.cowslip.engine.image.file.FileReferences;
import java.io.IOException;
import java.nio.file.AccessDeniedException;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.InvalidPathException;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.util.Map;
import java.util.Objects;

/**
 * The folder that holds the volumes, and the one place that turns names into files of the host. A name is followed only
 * when what it stands for, symbolic links resolved, is a regular file below the folder's real path. Messages repeat a
 * caller's own name, never one found inside an image and never a path of the host.
 *
 * <p>Callers outside cannot make symbolic links, so between this check and the opening of the returned real path only
 * the operator could swap a folder for a link.
 */
public final class ImageRoot implements FileReferences {
    private final Path named;
    private final Path root;
    private final HostFiles files;

    private ImageRoot(Path named, Path root, HostFiles files) {
        this.named = named;
        this.root = root;
        this.files = files;
    }

    /** Uses {@code folder}, which is made when it is missing. */
    public static ImageRoot at(Path folder) throws IOException {
        return at(folder, HostFiles.posix());
    }

    static ImageRoot at(Path folder, HostFiles files) throws IOException {
        Files.createDirectories(folder);
        return new ImageRoot(folder.toAbsolutePath().normalize(), folder.toRealPath(), files);
    }

    /** The folder itself, as a real path of the host. Not to be shown to callers outside. */
    public Path folder() {
        return root;
    }

    /** The existing volume that a caller named, as its real path. */
    Path existing(String name) throws ImageException {
        return regularFile(entry(name), "the volume \"" + name + "\"");
    }

    /** The directory entry that a caller named, whether it is there or not, links unresolved. */
    Path entry(String name) throws ImageException {
        VolumeName.check(name, root);
        try {
            return root.resolve(name);
        } catch (InvalidPathException e) {
            throw ImageException.of(Kind.FORBIDDEN, "the host has no such file names")
                    .causedBy(e);
        }
    }

    /**
     * Where a new volume of this name goes. Its folder is made, durably, and lies below the root with links resolved; where
     * that fails, nothing is made.
     */
    Path newEntry(String name) throws IOException {
        Path entry = entry(name);
        String[] segments = name.split("/");
        Path folder = root;
        boolean made = false;
        try {
            for (int i = 0; i < segments.length - 1; i++) {
                folder = subfolder(folder.resolve(segments[i]));
            }
            made = true;
            return folder.resolve(segments[segments.length - 1]);
        } finally {
            if (!made) {
                removeEmptyFolders(entry);
            }
        }
    }

    private Path subfolder(Path folder) throws IOException {
        try {
            Path made = Files.createDirectory(folder);
            files.syncFolder(Objects.requireNonNull(folder.getParent()));
            return made;
        } catch (ImageException e) {
            throw e;
        } catch (FileAlreadyExistsException e) {
            String subject = "the folder \"" + relativeName(folder) + "\"";
            Path real = realPath(folder, subject);
            requireBelowRoot(real, subject);
            if (!Files.isDirectory(real)) {
                throw ImageException.of(Kind.ALREADY_EXISTS, real, "a volume stands where a folder is needed")
                        .causedBy(e);
            }
            return real;
        } catch (IOException e) {
            throw ImageException.of(Kind.IO, folder, "the folder cannot be made")
                    .causedBy(e);
        }
    }

    /**
     * Takes away the folders above a volume that is gone, as far as they are empty: a folder has no life of its own
     * here, and would keep its name from being used for a volume.
     */
    void removeEmptyFolders(Path file) throws IOException {
        Path folder = file.getParent();
        while (folder != null && isBelowRoot(folder) && !Files.isSymbolicLink(folder) && isEmptyOrMissing(folder)) {
            Files.deleteIfExists(folder);
            folder = folder.getParent();
        }
    }

    private boolean isBelowRoot(Path folder) {
        return folder.startsWith(root) && !folder.equals(root);
    }

    private static boolean isEmptyOrMissing(Path folder) throws IOException {
        if (!Files.isDirectory(folder)) {
            return !Files.exists(folder, LinkOption.NOFOLLOW_LINKS);
        }
        try (var entries = Files.newDirectoryStream(folder)) {
            return !entries.iterator().hasNext();
        }
    }

    @Override
    public Path resolve(Path image, String name) throws ImageException {
        return regularFile(sibling(image, name), "the file that the image names");
    }

    @Override
    public Path resolveNew(Path image, String name) throws IOException {
        return newEntry(relativeName(sibling(image, name)));
    }

    private Path sibling(Path image, String name) throws ImageException {
        if (VolumeName.hasScheme(name) || VolumeName.hasControls(name) || name.isEmpty()) {
            throw outside();
        }
        try {
            Path file = image.resolveSibling(name).normalize();
            // Refused by the name alone before the host is asked: an answer about files outside would tell which exist.
            if (!file.startsWith(root) && !file.startsWith(named)) {
                throw outside();
            }
            return file;
        } catch (InvalidPathException e) {
            throw outside().causedBy(e);
        }
    }

    /** A file as callers may see it: relative to the root. */
    public String relativeName(Path file) {
        if (file.startsWith(root)) {
            return root.relativize(file).toString();
        }
        if (file.startsWith(named)) {
            return named.relativize(file).toString();
        }
        return "(outside the image root)";
    }

    /** Which file of the host this is, whatever name led to it. */
    static FileIdentity identity(Path file) throws IOException {
        Map<String, Object> numbers = Files.readAttributes(file, "unix:dev,ino");
        return new FileIdentity(number(numbers, "dev"), number(numbers, "ino"));
    }

    private static long number(Map<String, Object> numbers, String name) {
        return ((Number) Objects.requireNonNull(numbers.get(name))).longValue();
    }

    /** Whether files in a folder, given by its real path, could be volumes: it lies in the root, and is not hidden. */
    public boolean mayHoldVolumes(Path folder) {
        return folder.equals(root)
                || (folder.startsWith(root)
                        && VolumeName.isValid(root.relativize(folder).toString()));
    }

    /** Whether this file, links resolved, is a regular one below the root. */
    boolean holds(Path file) {
        try {
            Path real = file.toRealPath();
            return real.startsWith(root) && Files.isRegularFile(real);
        } catch (IOException e) {
            // A link that leads nowhere, or a file that has just gone: either way not a volume.
            return false;
        }
    }

    private Path regularFile(Path file, String subject) throws ImageException {
        Path real = realPath(file, subject);
        requireBelowRoot(real, subject);
        if (Files.isDirectory(real)) {
            throw ImageException.of(Kind.NOT_FOUND, subject + " is not there: a folder has this name");
        }
        if (!Files.isRegularFile(real)) {
            throw ImageException.of(Kind.FORBIDDEN, subject + " is not a regular file");
        }
        return real;
    }

    private void requireBelowRoot(Path real, String subject) throws ImageException {
        if (!real.startsWith(root)) {
            throw ImageException.of(Kind.FORBIDDEN, subject + " leads out of the image root");
        }
    }

    private static Path realPath(Path file, String subject) throws ImageException {
        try {
            return file.toRealPath();
        } catch (AccessDeniedException e) {
            throw ImageException.of(Kind.FORBIDDEN, subject + " cannot be reached: the host denies access")
                    .causedBy(e);
        } catch (FileSystemException e) {
            // Nothing there, a file where a folder should be, a name too long for the host, links in a circle.
            throw ImageException.of(Kind.NOT_FOUND, subject + " is not there").causedBy(e);
        } catch (IOException e) {
            throw ImageException.of(Kind.IO, subject + " cannot be looked up").causedBy(e);
        }
    }

    private static ImageException outside() {
        return ImageException.of(
                Kind.FORBIDDEN, "the image names a file that may not be followed: it must be below the image root");
    }
}
