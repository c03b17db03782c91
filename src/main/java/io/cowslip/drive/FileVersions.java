package io.cowslip.drive;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/** Tells states of files apart by what the host notes of every change: also across restarts of the service. */
final class FileVersions {
    private static final int SHOWN_BYTES = 12;

    private FileVersions() {}

    /** A text for these files as they are, short enough for a header. */
    static String of(List<Path> files) throws IOException {
        StringBuilder facts = new StringBuilder();
        for (Path file : files) {
            Map<String, Object> attributes = Files.readAttributes(file, "unix:dev,ino,size,ctime");
            facts.append(new TreeMap<>(attributes)).append('\n');
        }
        byte[] digest = sha256().digest(facts.toString().getBytes(StandardCharsets.UTF_8));
        return HexFormat.of().formatHex(digest, 0, SHOWN_BYTES);
    }

    static MessageDigest sha256() {
        try {
            return MessageDigest.getInstance("SHA-256");
        } catch (NoSuchAlgorithmException impossible) {
            throw new IllegalStateException("every Java platform has SHA-256", impossible);
        }
    }
}
