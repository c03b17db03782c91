package io.cowslip.drive.volume;

import io.cowslip.engine.host.FolderFile;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;
import java.util.List;

/** Tells states of files apart by what the host notes of every change: also across restarts of the service. */
public final class FileVersions {
    private static final int SHOWN_BYTES = 12;

    private FileVersions() {}

    /** A text for these files as they are, short enough for a header. */
    public static String of(ImageRoot root, List<Path> files) throws IOException {
        StringBuilder facts = new StringBuilder();
        for (Path file : files) {
            FolderFile found = root.look(file);
            facts.append(found.identity())
                    .append(found.sizeBytes())
                    .append(found.changed())
                    .append('\n');
        }
        byte[] digest = sha256().digest(facts.toString().getBytes(StandardCharsets.UTF_8));
        return HexFormat.of().formatHex(digest, 0, SHOWN_BYTES);
    }

    /** A new digest; every Java has this one. */
    public static MessageDigest sha256() {
        try {
            return MessageDigest.getInstance("SHA-256");
        } catch (NoSuchAlgorithmException impossible) {
            throw new IllegalStateException("every Java platform has SHA-256", impossible);
        }
    }
}
