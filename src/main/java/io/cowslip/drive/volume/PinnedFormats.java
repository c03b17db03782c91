package io.cowslip.drive.volume;

import io.cowslip.engine.ImageException;
import io.cowslip.engine.host.HostFile;
import io.cowslip.engine.host.HostFiles;
import io.cowslip.engine.image.ImageInfo;
import io.cowslip.engine.image.ImageProbe;
import io.cowslip.engine.image.options.ImageFormat;
import io.cowslip.engine.image.options.ImageOptions;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Formats that were said of volumes when they were uploaded or made, or raw ones opened to be written: whatever the content
 * of one that is raw comes to look like, it is never taken for anything else, since a guest can write a header to its disk.
 * The file itself bears the mark.
 */
public record PinnedFormats(FileMarks marks) {
    private static final String MARK = "format";

    /** Of the volumes in an image root. */
    public static PinnedFormats of(ImageRoot root) {
        return new PinnedFormats(root.marks());
    }

    /** Marks a file; false where its file system has no place for that. */
    public boolean pin(Path file, ImageFormat format) throws ImageException {
        return marks.set(file, MARK, format.wireName());
    }

    /** The format that the file is pinned to; null: none. */
    @Nullable
    ImageFormat of(Path file) throws ImageException {
        String name = marks.get(file, MARK);
        return name == null ? null : ImageFormat.parse(MARK, name);
    }

    /** What a look at the file is to begin with. */
    public ImageOptions asked(Path file) throws ImageException {
        ImageFormat format = of(file);
        ImageOptions defaults = ImageOptions.defaults();
        return format == null ? defaults : defaults.withFormat(format);
    }

    /**
     * The same options, with the format that the file is pinned to.
     *
     * @throws ImageException INVALID_OPTION when they say another
     */
    public ImageOptions fill(Path file, ImageOptions asked) throws ImageException {
        ImageFormat format = of(file);
        if (format == null || asked.format() == format) {
            return asked;
        }
        if (asked.format() != null) {
            throw ImageException.invalidOption(
                    "format",
                    file,
                    "format is " + asked.format().wireName() + ", and the volume is noted as " + format.wireName()
                            + " (user.cowslip.format): what its content looks like, a guest may have made");
        }
        return asked.withFormat(format);
    }

    /** Refuses a layer that is taken for another format than it is pinned to. */
    public void require(Path file, ImageFormat format) throws ImageException {
        ImageFormat pinned = of(file);
        if (pinned != null && pinned != format) {
            throw ImageException.of(
                    ImageException.Kind.INVALID_FORMAT,
                    file,
                    "the volume is noted as " + pinned.wireName() + " (user.cowslip.format), and would be taken for "
                            + format.wireName() + " here");
        }
    }

    /** The same for all layers of a chain. */
    public void require(List<ImageInfo> chain) throws ImageException {
        for (ImageInfo layer : chain) {
            require(layer.file(), layer.format());
        }
    }

    /** Notes of a file that a guest is going to write that it is raw, unless it looks like something else as it is. */
    public void pinRaw(Path file, HostFiles files) throws IOException {
        if (of(file) != null) {
            return;
        }
        boolean plain;
        try (HostFile opened = files.open(file, HostFiles.Mode.READ)) {
            plain = ImageProbe.appearance(opened) == null;
        }
        if (plain) {
            pin(file, ImageFormat.RAW);
        }
    }
}
