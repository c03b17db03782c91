package io.cowslip.engine.image;

import io.cowslip.engine.ImageException;
import io.cowslip.engine.ImageException.Kind;
import io.cowslip.engine.image.encryption.KeySlotInfo;
import io.cowslip.engine.image.encryption.KeySlots;
import io.cowslip.engine.image.layer.ImageLayer;
import io.cowslip.engine.image.layer.Qcow2Layer;
import io.cowslip.engine.image.options.Secret;
import java.io.IOException;
import java.util.List;
import java.util.function.LongSupplier;
import org.jspecify.annotations.Nullable;

/**
 * The places for passphrases of an open image that is encrypted with LUKS. Of another image every method throws
 * UNSUPPORTED_FEATURE. Any thread, as with {@link DiskImage}.
 */
public final class DiskKeySlots {
    private final DiskImage image;

    DiskKeySlots(DiskImage image) {
        this.image = image;
    }

    /** All slots, those that nobody uses among them. */
    public List<KeySlotInfo> list() throws IOException {
        return image.readingAlone(layer -> of(layer).list());
    }

    /**
     * Lets another passphrase open the image as well, from when this returns.
     *
     * @param current one that opens it now
     * @param slot where it goes; null: into the first free slot
     * @param iterTimeMillis how long a try of it may take, by {@code ticker}'s nanoseconds
     * @return the slot
     * @throws ImageException KEY_REFUSED when {@code current} is none; INVALID_OPTION when there is no such free slot;
     *     READ_ONLY
     */
    public int add(Secret current, Secret added, @Nullable Integer slot, long iterTimeMillis, LongSupplier ticker)
            throws IOException {
        return image.changingAlone(layer -> of(layer).add(current, added, slot, iterTimeMillis, ticker));
    }

    /**
     * Lets a passphrase open the image no longer.
     *
     * @throws ImageException NOT_FOUND when the slot is not active; BUSY when it is the last one; READ_ONLY
     */
    public void erase(int slot) throws IOException {
        image.changingAlone(layer -> {
            of(layer).erase(slot);
            return slot;
        });
    }

    private static KeySlots of(ImageLayer layer) throws IOException {
        if (layer instanceof Qcow2Layer qcow2) {
            return qcow2.keySlots();
        }
        throw ImageException.of(
                Kind.UNSUPPORTED_FEATURE,
                layer.file().path(),
                "the image has no key slots: it is not encrypted with LUKS");
    }
}
