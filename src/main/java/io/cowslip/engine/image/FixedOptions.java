package io.cowslip.engine.image;

import io.cowslip.engine.ImageException;
import io.cowslip.engine.image.layer.ImageLayer;
import io.cowslip.engine.image.options.EncryptOptions;
import io.cowslip.engine.image.options.ImageFormat;
import io.cowslip.engine.image.options.ImageOptions;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/** The options that cannot change while their image is open: those that say which files it is, and how they are read. */
final class FixedOptions {
    private FixedOptions() {}

    /**
     * Refuses other options in the place of those in force where they differ in what cannot change.
     *
     * @param top the first of the layers that both are for
     * @throws ImageException INVALID_OPTION naming the option
     */
    static void requireSame(ImageOptions inForce, ImageOptions wanted, ImageLayer top) throws ImageException {
        if (formatOf(wanted, top) != formatOf(inForce, top)) {
            throw ImageException.invalidOption("format", "format cannot change while the image is open");
        }
        requireSameFiles(inForce, wanted, top);
        if (inForce.snapshot() != null && !wanted.readOnly()) {
            throw ImageException.invalidOption("read-only", "read-only must be true while snapshot is given");
        }
    }

    private static ImageFormat formatOf(ImageOptions options, ImageLayer top) {
        return options.format() == null ? top.format() : options.format();
    }

    private static void requireSameFiles(ImageOptions inForce, ImageOptions wanted, ImageLayer top)
            throws ImageException {
        ImageOptions now = inForce;
        ImageOptions then = wanted;
        String prefix = "";
        for (ImageLayer layer = top; layer != null; layer = layer.backing()) {
            requireSame(prefix + "cache.direct", now.direct(), then.direct());
            requireSame(prefix + "data-file", now.dataFile(), then.dataFile());
            requireSame(prefix + "snapshot", now.snapshot(), then.snapshot());
            requireSameEncryption(prefix, now.encrypt(), then.encrypt());
            now = now.below();
            then = then.below();
            prefix += "backing.";
        }
    }

    private static void requireSameEncryption(
            String prefix, @Nullable EncryptOptions now, @Nullable EncryptOptions then) throws ImageException {
        if (then != null && (then.keySecret() != null || then.keySecretFile() != null)) {
            throw ImageException.invalidOption(
                    prefix + "encrypt.key-secret",
                    prefix + "encrypt.key-secret is given, but the image is open and needs no passphrase any more");
        }
        requireSame(prefix + "encrypt.format", formatOf(now), formatOf(then));
    }

    private static @Nullable String formatOf(@Nullable EncryptOptions options) {
        return options == null || options.format() == null
                ? null
                : options.format().wireName();
    }

    private static void requireSame(String option, @Nullable Object now, @Nullable Object then) throws ImageException {
        if (!Objects.equals(now, then)) {
            throw ImageException.invalidOption(
                    option,
                    option + " is " + (now == null ? "not given" : now)
                            + " and cannot change while the image is open; close it and open it again");
        }
    }
}
