package io.cowslip.drive.registry;

import io.cowslip.engine.image.options.ImageOptions;
import java.util.ArrayList;
import java.util.List;

/** Options as a number each, which all texts of a test run know. */
final class HandOptionsText implements DriveOptionsText {
    private static final List<ImageOptions> WRITTEN = new ArrayList<>();

    @Override
    public String write(ImageOptions options) {
        synchronized (WRITTEN) {
            if (!WRITTEN.contains(options)) {
                WRITTEN.add(options);
            }
            return Integer.toString(WRITTEN.indexOf(options));
        }
    }

    @Override
    public ImageOptions read(String text) {
        synchronized (WRITTEN) {
            return WRITTEN.get(Integer.parseInt(text));
        }
    }
}
