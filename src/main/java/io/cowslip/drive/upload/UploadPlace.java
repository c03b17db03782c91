package io.cowslip.drive.upload;

import io.cowslip.drive.volume.FileVersions;
import io.cowslip.drive.volume.ImageRoot;
import io.cowslip.drive.volume.VolumeName;
import io.cowslip.engine.ImageException;
import io.cowslip.engine.host.HostFiles;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.HexFormat;
import java.util.regex.Pattern;

/**
 * Where the bytes of an unfinished upload are: hidden beside the volume that they are to become, where what an image
 * names is found as it will be later, under a name that follows from the volume's.
 */
record UploadPlace(Path content, UploadLog log) {
    private static final String SUFFIX = ".upload";
    private static final String LOG_SUFFIX = "-log";
    private static final Pattern FILE_NAME = Pattern.compile("\\..+\\.[0-9a-f]{16}\\.upload(-log)?");

    private static final int TAG_BYTES = 8;

    /** The place for a volume of this name, with the folders that the name takes made. */
    static UploadPlace make(ImageRoot root, String name) throws IOException {
        return beside(root.files(), root.newEntry(name), name);
    }

    /** The same without making anything. */
    static UploadPlace of(ImageRoot root, String name) throws ImageException {
        return beside(root.files(), root.entry(name), name);
    }

    private static UploadPlace beside(HostFiles files, Path place, String name) {
        String shown = VolumeName.beginning(place.getFileName().toString());
        byte[] digest = FileVersions.sha256().digest(name.getBytes(StandardCharsets.UTF_8));
        return at(
                files,
                place.resolveSibling("." + shown + "." + HexFormat.of().formatHex(digest, 0, TAG_BYTES) + SUFFIX));
    }

    private static UploadPlace at(HostFiles files, Path content) {
        return new UploadPlace(
                content, new UploadLog(files, content.resolveSibling(content.getFileName() + LOG_SUFFIX)));
    }

    /** Whether it is that of a volume of this name, as far as the name of its file tells. */
    boolean isOf(String name) {
        if (!VolumeName.isValid(name)) {
            return false;
        }
        String last = name.substring(name.lastIndexOf('/') + 1);
        return beside(log.files(), content.resolveSibling(last), name).content().equals(content);
    }

    /** Whether this is a file of an upload, by its name. */
    static boolean isUpload(Path file) {
        return FILE_NAME.matcher(file.getFileName().toString()).matches();
    }

    /** The place that one of its files is in. */
    static UploadPlace around(ImageRoot root, Path file) {
        String name = file.getFileName().toString();
        return at(
                root.files(),
                name.endsWith(LOG_SUFFIX)
                        ? file.resolveSibling(name.substring(0, name.length() - LOG_SUFFIX.length()))
                        : file);
    }

    /** Takes everything away: the log last, without which nobody would know the rest. */
    void delete(ImageRoot root) throws IOException {
        root.tree().remove(content);
        root.tree().remove(log.file());
        root.removeEmptyFolders(content);
    }
}
