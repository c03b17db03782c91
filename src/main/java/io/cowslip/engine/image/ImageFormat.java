package io.cowslip.engine.image;

import io.cowslip.engine.ImageException;
import java.util.Locale;

/** The formats a layer may have. */
public enum ImageFormat {
    QCOW2,
    RAW;

    /** The name that QEMU and the API use. */
    public String wireName() {
        return name().toLowerCase(Locale.ROOT);
    }

    /** Reads a format's name, {@code option} being the option that held it. */
    public static ImageFormat parse(String option, String name) throws ImageException {
        for (ImageFormat format : values()) {
            if (format.wireName().equals(name)) {
                return format;
            }
        }
        throw ImageException.invalidOption(option, option + " is \"" + name + "\"; it may be \"qcow2\" or \"raw\"");
    }
}
