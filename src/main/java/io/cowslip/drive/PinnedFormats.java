package io.cowslip.drive;

import io.cowslip.engine.ImageException;
import io.cowslip.engine.image.ImageFormat;
import io.cowslip.engine.image.ImageOptions;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.UserDefinedFileAttributeView;
import org.jspecify.annotations.Nullable;

/**
 * Raw volumes that were said to be raw when they were uploaded: whatever their content comes to look like, they are never
 * taken for anything else, since a guest can write a header to its disk. The file itself bears the mark, as an extended
 * attribute, so that it goes wherever the file goes on the host.
 */
final class PinnedFormats {
    private static final String ATTRIBUTE = "cowslip.format";
    private static final int MAX_BYTES = 16;

    private PinnedFormats() {}

    /** Marks a file as raw; false where its file system has no place for that. */
    static boolean pinRaw(Path file) {
        try {
            UserDefinedFileAttributeView attributes = attributes(file);
            if (attributes == null) {
                return false;
            }
            attributes.write(
                    ATTRIBUTE, ByteBuffer.wrap(ImageFormat.RAW.wireName().getBytes(StandardCharsets.US_ASCII)));
            return true;
        } catch (IOException unsupported) {
            return false;
        }
    }

    static boolean isRaw(Path file) {
        try {
            UserDefinedFileAttributeView attributes = attributes(file);
            if (attributes == null || !attributes.list().contains(ATTRIBUTE)) {
                return false;
            }
            ByteBuffer value = ByteBuffer.allocate(MAX_BYTES);
            attributes.read(ATTRIBUTE, value);
            return StandardCharsets.US_ASCII
                    .decode(value.flip())
                    .toString()
                    .equals(ImageFormat.RAW.wireName());
        } catch (IOException unreadable) {
            return false;
        }
    }

    private static @Nullable UserDefinedFileAttributeView attributes(Path file) {
        return Files.getFileAttributeView(file, UserDefinedFileAttributeView.class);
    }

    /** The format that a look at the file is to begin with; null: its content decides. */
    static @Nullable ImageFormat of(Path file) {
        return isRaw(file) ? ImageFormat.RAW : null;
    }

    /**
     * The same options, with the format that the file is pinned to.
     *
     * @throws ImageException INVALID_OPTION when they say another
     */
    static ImageOptions fill(Path file, ImageOptions asked) throws ImageException {
        if (asked.format() == ImageFormat.RAW || !isRaw(file)) {
            return asked;
        }
        if (asked.format() != null) {
            throw ImageException.invalidOption(
                    "format",
                    file,
                    "format is " + asked.format().wireName()
                            + ", and the volume was uploaded as raw: what its content looks like, a guest may have made");
        }
        return asked.withFormat(ImageFormat.RAW);
    }
}
