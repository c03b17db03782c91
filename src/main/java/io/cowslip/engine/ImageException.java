package io.cowslip.engine;

import java.io.IOException;
import java.nio.file.Path;
import org.jspecify.annotations.Nullable;

/**
 * The one failure of the engine: a {@link Kind} to branch on, and the file, host offset and option it concerns. The
 * message names the thing and the value and says what would be right; callers never parse it.
 */
public final class ImageException extends IOException {

    /** What went wrong, coarse enough to branch on. */
    public enum Kind {
        /** The host refused a read, write or sync. */
        IO,
        /** The file is not what its format says it must be, as found when it was opened, or read in a foreign format. */
        INVALID_FORMAT,
        /** The image is sound, but uses something that this engine does not do. */
        UNSUPPORTED_FEATURE,
        /** Metadata of an open image contradicts itself. */
        CORRUPT,
        /** An option has a value that it may not have; {@link #option()} names it. */
        INVALID_OPTION,
        /** A range lies outside the disk. */
        OUT_OF_RANGE,
        /** The host is full, or the image cannot grow any further. */
        NO_SPACE,
        /** A write to an image that is open read-only. */
        READ_ONLY,
        /** Somebody else has the file. */
        BUSY,
        /** A dirty bitmap that says nothing any more. */
        INCONSISTENT_BITMAP,
        /** There is no such file. */
        NOT_FOUND,
        /** There is such a file already. */
        ALREADY_EXISTS,
        /** The file may not be reached from here. */
        FORBIDDEN,
        /** The passphrase given is not one of the image's. */
        KEY_REFUSED
    }

    private static final long serialVersionUID = 1;

    private final Kind kind;
    private final transient @Nullable Path path;
    private final @Nullable String option;

    private ImageException(Kind kind, String message, @Nullable Path path, @Nullable String option) {
        super(message);
        this.kind = kind;
        this.path = path;
        this.option = option;
    }

    /** A failure that no file is to blame for. */
    public static ImageException of(Kind kind, String message) {
        return new ImageException(kind, message, null, null);
    }

    /** A failure that concerns {@code path}. The message should not repeat it: callers show it as they name it. */
    public static ImageException of(Kind kind, Path path, String message) {
        return new ImageException(kind, message, path, null);
    }

    /** A value that {@code option} may not have. */
    public static ImageException invalidOption(String option, String message) {
        return new ImageException(Kind.INVALID_OPTION, message, null, option);
    }

    /** A value that {@code option} may not have because of {@code path}, which the message should not repeat. */
    public static ImageException invalidOption(String option, Path path, String message) {
        return new ImageException(Kind.INVALID_OPTION, message, path, option);
    }

    /** The same failure with its cause, for chaining at the place it is thrown. */
    public ImageException causedBy(Throwable cause) {
        initCause(cause);
        return this;
    }

    /** The same failure, said of {@code file} unless it names a file already. */
    public ImageException in(Path file) {
        return path != null
                ? this
                : new ImageException(kind, String.valueOf(getMessage()), file, option).causedBy(this);
    }

    /** The same failure, of the value that {@code named} has, or that an image has for it. */
    public ImageException concerning(String named) {
        return new ImageException(kind, String.valueOf(getMessage()), path, named).causedBy(this);
    }

    public Kind kind() {
        return kind;
    }

    /** The host file concerned, or null where none is. Never shown to callers outside as it is. */
    public @Nullable Path path() {
        return path;
    }

    /** The option that was refused, as QEMU spells it, whether a caller gave it or an image has it; or null. */
    public @Nullable String option() {
        return option;
    }
}
