package io.cowslip.engine.image.options;

import io.cowslip.engine.ImageException;
import java.util.Locale;
import org.jspecify.annotations.Nullable;

/**
 * What an open image makes of its guest's writes and of the space that they leave behind. Names and meaning are QEMU's.
 *
 * @param compress whether it is compressed; QEMU's {@code compress} filter
 * @param detectZeroes {@code detect-zeroes}: what becomes of zeros that the guest writes as data
 * @param passDiscardRequest {@code pass-discard-request}: whether space goes back to the host that the guest has
 *     discarded or zeroed; null: where {@code discard} is unmap
 * @param passDiscardSnapshot {@code pass-discard-snapshot}: the same for what a deleted snapshot had alone
 * @param passDiscardOther {@code pass-discard-other}: the same for what was moved or written over
 * @param discardNoUnref {@code discard-no-unref}: whether a cluster that the guest discards keeps its place in the file,
 *     so that it is there again when the guest writes, and the file neither fragments nor grows. Version 3 only
 */
public record WriteOptions(
        boolean compress,
        DetectZeroes detectZeroes,
        @Nullable Boolean passDiscardRequest,
        boolean passDiscardSnapshot,
        boolean passDiscardOther,
        boolean discardNoUnref) {

    /** Everything as QEMU has it. */
    public static final WriteOptions DEFAULTS = new WriteOptions(false, DetectZeroes.OFF, null, true, false, false);

    /** The same with compression or without. */
    public WriteOptions withCompress(boolean other) {
        return new WriteOptions(
                other, detectZeroes, passDiscardRequest, passDiscardSnapshot, passDiscardOther, discardNoUnref);
    }

    /** The same with zeros that are found treated otherwise. */
    public WriteOptions withDetectZeroes(DetectZeroes other) {
        return new WriteOptions(
                compress, other, passDiscardRequest, passDiscardSnapshot, passDiscardOther, discardNoUnref);
    }

    /** The same with discarded clusters that keep their place or not. */
    public WriteOptions withDiscardNoUnref(boolean other) {
        return new WriteOptions(
                compress, detectZeroes, passDiscardRequest, passDiscardSnapshot, passDiscardOther, other);
    }

    /** QEMU's {@code detect-zeroes}. */
    public enum DetectZeroes {
        /** They are data. */
        OFF,
        /** They are zeroed, and keep their space in the file. */
        ON,
        /** They are zeroed, and their space is given back. */
        UNMAP;

        /** QEMU's name. */
        public String wireName() {
            return name().toLowerCase(Locale.ROOT);
        }
    }

    /** Refuses, as QEMU does, zeros to be unmapped where discards are to be ignored. */
    public static void check(ImageOptions options) throws ImageException {
        String prefix = "";
        for (ImageOptions layer = options; layer != null; layer = layer.backing()) {
            if (layer.writes().detectZeroes == DetectZeroes.UNMAP
                    && layer.discard() != ImageOptions.DiscardMode.UNMAP) {
                throw ImageException.invalidOption(
                        prefix + "detect-zeroes",
                        prefix + "detect-zeroes is \"unmap\", but discard is \"ignore\"; it must be \"on\", or discard"
                                + " \"unmap\"");
            }
            prefix += "backing.";
        }
    }
}
