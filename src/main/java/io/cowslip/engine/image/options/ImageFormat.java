package io.cowslip.engine.image.options;

import io.cowslip.engine.ImageException;
import io.cowslip.engine.foreign.ForeignFormat;
import java.util.Arrays;
import java.util.Locale;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/** The formats a layer may have. All are read; {@link #QCOW2} and {@link #RAW} are written and created. */
public enum ImageFormat {
    QCOW2(null),
    RAW(null),
    /** VMware's. */
    VMDK(ForeignFormat.VMDK),
    /** Hyper-V's. */
    VHDX(ForeignFormat.VHDX),
    /** VHD, by QEMU's name for it. */
    VPC(ForeignFormat.VPC),
    /** VirtualBox's. */
    VDI(ForeignFormat.VDI);

    private final @Nullable ForeignFormat foreign;

    ImageFormat(@Nullable ForeignFormat foreign) {
        this.foreign = foreign;
    }

    /** The name that QEMU and the API use. */
    public String wireName() {
        return name().toLowerCase(Locale.ROOT);
    }

    /** Whether images of this format can be made and written. */
    public boolean isWritable() {
        return foreign == null;
    }

    /** Whether the content of every image of this format says so. */
    public boolean isKnownByContent() {
        return foreign == null ? this == QCOW2 : foreign.isKnownByContent();
    }

    /** What reads this format, where that is not the engine's own map. */
    public @Nullable ForeignFormat foreign() {
        return foreign;
    }

    /** The format under the name that it is asked for by. */
    public static ImageFormat of(ForeignFormat foreign) {
        return Arrays.stream(values())
                .filter(format -> format.foreign == foreign)
                .findFirst()
                .orElseThrow();
    }

    /** Reads a format's name, {@code option} being the option that held it. */
    public static ImageFormat parse(String option, String name) throws ImageException {
        for (ImageFormat format : values()) {
            if (format.wireName().equals(name)) {
                return format;
            }
        }
        throw ImageException.invalidOption(option, option + " is \"" + name + "\"; it may be " + names());
    }

    /** The same, for an image that is to be made. */
    public static ImageFormat parseWritable(String option, String name) throws ImageException {
        ImageFormat format = parse(option, name);
        format.requireWritable(option);
        return format;
    }

    /** @throws ImageException INVALID_OPTION naming {@code option} where images of this format are only read */
    public void requireWritable(String option) throws ImageException {
        if (!isWritable()) {
            throw ImageException.invalidOption(
                    option,
                    option + " is \"" + wireName() + "\", which is read but not made; it may be \"qcow2\" or \"raw\"");
        }
    }

    /** All names, for messages. */
    public static String names() {
        return Arrays.stream(values())
                .map(format -> "\"" + format.wireName() + "\"")
                .collect(Collectors.joining(", "));
    }
}
