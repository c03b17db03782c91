package io.cowslip.drive.upload;

import io.cowslip.engine.ImageException;
import io.cowslip.engine.host.HostFile;
import io.cowslip.engine.host.HostFiles;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * What is known of an unfinished upload, in a file beside its bytes: a line for each fact, the last one counts. A line is
 * durable when it is written, and one without its end was never there. A line that says nothing is passed over.
 */
record UploadLog(HostFiles files, Path file) {
    private static final String FIRST_LINE = "cowslip-upload 1";
    private static final String NAME = "name ";
    private static final String LENGTH = "length ";
    private static final String OFFSET = "offset ";
    private static final Pattern BYTES = Pattern.compile("\\d{1,18}");

    /** Keeps the beginning of a line that was cut off from being read as a whole one. */
    private static final String CUT_OFF = " ...\n";

    /** Far more than a log of the largest file comes to. */
    private static final long MAX_BYTES = 16 << 20;

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
        files.delete(file);
        try (HostFile log = files.open(file, HostFiles.Mode.CREATE_NEW)) {
            write(log, 0, FIRST_LINE + "\n" + NAME + name + "\n");
        }
    }

    private static void write(HostFile log, long position, String text) throws IOException {
        byte[] bytes = text.getBytes(StandardCharsets.UTF_8);
        try (Arena arena = Arena.ofConfined()) {
            log.write(position, arena.allocate(bytes.length).copyFrom(MemorySegment.ofArray(bytes)));
        }
        log.sync();
    }

    void noteLength(long bytes) throws IOException {
        append(LENGTH + bytes);
    }

    /** Notes that so many bytes are durable. */
    void noteOffset(long bytes) throws IOException {
        append(OFFSET + bytes);
    }

    private void append(String line) throws IOException {
        try (HostFile log = files.open(file, HostFiles.Mode.READ_WRITE)) {
            long end = log.sizeBytes();
            write(log, end, (isCutOff(log, end) ? CUT_OFF : "") + line + "\n");
        }
    }

    /** Whether the last line has no end. */
    private static boolean isCutOff(HostFile log, long end) throws IOException {
        return end > 0 && read(log, end - 1, end)[0] != '\n';
    }

    private static byte[] read(HostFile log, long from, long to) throws IOException {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment bytes = arena.allocate(to - from);
            return bytes.asSlice(0, log.read(from, bytes)).toArray(ValueLayout.JAVA_BYTE);
        }
    }

    /** Null where there is no log, or none that says whose it is. */
    @Nullable
    Facts read() throws IOException {
        String text = text();
        String name = null;
        Long length = null;
        Long offset = null;
        if (text == null || !text.startsWith(FIRST_LINE + "\n")) {
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

    /** Null where there is no file, or one that is no log by its size. */
    private @Nullable String text() throws IOException {
        try (HostFile log = files.open(file, HostFiles.Mode.READ)) {
            long end = log.sizeBytes();
            return end > MAX_BYTES ? null : new String(read(log, 0, end), StandardCharsets.UTF_8);
        } catch (ImageException refused) {
            if (refused.kind() == ImageException.Kind.NOT_FOUND) {
                return null;
            }
            throw refused;
        }
    }

    /** What the line says, or what is known where it says nothing. */
    private static @Nullable Long bytes(String line, String key, @Nullable Long known) {
        String said = line.substring(key.length());
        return BYTES.matcher(said).matches() ? Long.valueOf(said) : known;
    }
}
