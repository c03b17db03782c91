package io.cowslip.drive;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import org.jspecify.annotations.Nullable;

/**
 * What is known of an unfinished upload, in a file beside its bytes: a line for each fact, the last one counts. A line is
 * durable when it is written, and one without its end was never there.
 */
record UploadLog(Path file) {
    private static final String FIRST_LINE = "cowslip-upload 1";
    private static final String NAME = "name ";
    private static final String LENGTH = "length ";
    private static final String OFFSET = "offset ";

    /**
     * What a log says.
     *
     * @param name the volume that the upload is to become
     * @param lengthBytes of the whole file; null: not known yet
     * @param offsetBytes how many bytes are durable
     */
    record Facts(String name, @Nullable Long lengthBytes, long offsetBytes) {}

    /** Begins anew, for a volume of this name. */
    void begin(String name) throws IOException {
        Files.writeString(
                file,
                FIRST_LINE + "\n" + NAME + name + "\n",
                StandardOpenOption.CREATE,
                StandardOpenOption.TRUNCATE_EXISTING,
                StandardOpenOption.WRITE,
                StandardOpenOption.DSYNC);
    }

    void noteLength(long bytes) throws IOException {
        append(LENGTH + bytes);
    }

    /** Notes that so many bytes are durable. */
    void noteOffset(long bytes) throws IOException {
        append(OFFSET + bytes);
    }

    private void append(String line) throws IOException {
        Files.writeString(
                file, line + "\n", StandardOpenOption.WRITE, StandardOpenOption.APPEND, StandardOpenOption.DSYNC);
    }

    /** Null where there is no log, or none that says whose it is. */
    @Nullable
    Facts read() throws IOException {
        String text;
        try {
            text = Files.readString(file, StandardCharsets.UTF_8);
        } catch (NoSuchFileException none) {
            return null;
        }
        String name = null;
        Long length = null;
        long offset = 0;
        if (!text.startsWith(FIRST_LINE + "\n")) {
            return null;
        }
        for (String line : text.substring(0, text.lastIndexOf('\n')).split("\n", -1)) {
            if (line.startsWith(NAME)) {
                name = line.substring(NAME.length());
            } else if (line.startsWith(LENGTH)) {
                length = Long.valueOf(line.substring(LENGTH.length()));
            } else if (line.startsWith(OFFSET)) {
                offset = Long.parseLong(line.substring(OFFSET.length()));
            }
        }
        return name == null ? null : new Facts(name, length, offset);
    }
}
