package io.cowslip.drive.registry;

import io.cowslip.engine.image.options.ImageOptions;

/** Options of drives as a text that outlives the service. */
public interface DriveOptionsText {

    /** For where nothing is noted: says nothing. */
    DriveOptionsText NONE = new DriveOptionsText() {
        @Override
        public String write(ImageOptions options) {
            return "";
        }

        @Override
        public ImageOptions read(String text) {
            return ImageOptions.defaults();
        }
    };

    /** All that {@code options} say but passphrases themselves: the files that hold them are named. */
    String write(ImageOptions options);

    /**
     * What {@link #write} was given.
     *
     * @throws RuntimeException when the text cannot be read, such as one of a later version
     */
    ImageOptions read(String text);
}
