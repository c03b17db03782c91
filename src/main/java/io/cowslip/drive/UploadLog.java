package io.cowslip.drive;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.SeekableByteChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.OpenOption;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.FileAttribute;
import java.nio.file.attribute.PosixFilePermission;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.Set;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * What is known of an unfinished upload, in a file beside its bytes: a line for each fact, the last one counts. A line is
 * durable when it is written, and one without its end was never there. A line that says nothing is passed over.
 */
record UploadLog(Path file) {
    private static final String FIRST_LINE = "cowslip-upload 1";
    private static final String NAME = "name ";
    private static final String LENGTH = "length ";
    private static final String OFFSET = "offset ";
    private static final Pattern BYTES = Pattern.compile("\\d{1,18}");

    /** Keeps the beginning of a line that was cut off from being read as a whole one. */
    private static final String CUT_OFF = " ...\n";

    private static final Set<OpenOption> BEGIN = Set.of(
            StandardOpenOption.CREATE,
            StandardOpenOption.TRUNCATE_EXISTING,
            StandardOpenOption.WRITE,
            StandardOpenOption.DSYNC);

    /** That of image files. */
    private static final FileAttribute<Set<PosixFilePermission>> MODE =
            PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rw-r-----"));

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
        try (SeekableByteChannel channel = Files.newByteChannel(file, BEGIN, MODE)) {
            write(channel, FIRST_LINE + "\n" + NAME + name + "\n");
        }
    }

    private static void write(SeekableByteChannel channel, String text) throws IOException {
        ByteBuffer bytes = StandardCharsets.UTF_8.encode(text);
        while (bytes.hasRemaining()) {
            channel.write(bytes);
        }
    }

    void noteLength(long bytes) throws IOException {
        append(LENGTH + bytes);
    }

    /** Notes that so many bytes are durable. */
    void noteOffset(long bytes) throws IOException {
        append(OFFSET + bytes);
    }

    private void append(String line) throws IOException {
        try (SeekableByteChannel channel = Files.newByteChannel(
                file, StandardOpenOption.READ, StandardOpenOption.WRITE, StandardOpenOption.DSYNC)) {
            boolean cutOff = isCutOff(channel);
            channel.position(channel.size());
            write(channel, (cutOff ? CUT_OFF : "") + line + "\n");
        }
    }

    /** Whether the last line has no end. */
    private static boolean isCutOff(SeekableByteChannel channel) throws IOException {
        ByteBuffer last = ByteBuffer.allocate(1);
        channel.position(Math.max(0, channel.size() - 1));
        return channel.read(last) > 0 && last.get(0) != '\n';
    }

    /** Null where there is no log, or none that says whose it is. */
    @Nullable
    Facts read() throws IOException {
        String text;
        try {
            text = new String(Files.readAllBytes(file), StandardCharsets.UTF_8);
        } catch (NoSuchFileException none) {
            return null;
        }
        String name = null;
        Long length = null;
        Long offset = null;
        if (!text.startsWith(FIRST_LINE + "\n")) {
            return null;
        }
        for (String line : text.substring(0, text.lastIndexOf('\n')).split("\n", -1)) {
            if (line.startsWith(NAME)) {
                name = line.substring(NAME.length());
            } else if (line.startsWith(LENGTH)) {
                length = bytes(line, LENGTH, length);
            } else if (line.startsWith(OFFSET)) {
                offset = bytes(line, OFFSET, offset);
            }
        }
        return name == null ? null : new Facts(name, length, offset == null ? 0 : offset);
    }

    /** What the line says, or what is known where it says nothing. */
    private static @Nullable Long bytes(String line, String key, @Nullable Long known) {
        String said = line.substring(key.length());
        return BYTES.matcher(said).matches() ? Long.valueOf(said) : known;
    }
}
