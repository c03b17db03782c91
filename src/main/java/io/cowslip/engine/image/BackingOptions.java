package io.cowslip.engine.image;

import io.cowslip.engine.ImageException;
import io.cowslip.engine.ImageException.Kind;
import io.cowslip.engine.format.ImageHeader;
import io.cowslip.engine.image.options.ImageFormat;
import io.cowslip.engine.image.options.ImageOptions;

/** What the layer below another one is opened with. */
public final class BackingOptions {
    private BackingOptions() {}

    /**
     * The caller's wish, and the format that the header above names.
     *
     * @param aboveOptions what the layer above is opened with
     * @throws ImageException INVALID_OPTION where neither says the format, which is never guessed; UNSUPPORTED_FEATURE
     */
    public static ImageOptions of(ImageHeader above, ImageOptions aboveOptions) throws ImageException {
        ImageOptions wish = aboveOptions.below();
        String named = above.backingFormat();
        if (wish.format() != null) {
            return wish;
        }
        if (named == null) {
            throw ImageException.invalidOption(
                    "backing",
                    "the header does not say which format its backing file has; give \"backing\": {\"format\": …}"
                            + " (guessing would let a guest choose)");
        }
        return wish.withFormat(formatNamed(named));
    }

    private static ImageFormat formatNamed(String name) throws ImageException {
        try {
            return ImageFormat.parse("format", name);
        } catch (ImageException unknown) {
            throw ImageException.of(
                            Kind.UNSUPPORTED_FEATURE,
                            "the header names a format of its backing file that is not read; " + ImageFormat.names()
                                    + " are")
                    .causedBy(unknown);
        }
    }
}
