package io.cowslip.fuzz;

import io.cowslip.engine.format.BigEndian;
import io.cowslip.testing.MetadataPlaces;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import org.jspecify.annotations.Nullable;

/**
 * Fails where the guest's bytes, zeros or a hole are about to go over what the file, as it is then, has as metadata. The
 * guest's bytes are known by {@link #MARK}, which no metadata has.
 */
final class MetadataGuard implements MemoryFile.Guard {
    /** Four of every eight bytes that the guest writes. */
    static final int MARK = 0xC35A_96E1;

    private static final ValueLayout.OfInt INT = BigEndian.INT;

    @Override
    public void before(MemoryFile file, long offset, long lengthBytes, @Nullable MemorySegment bytes) {
        if (bytes != null && !hasMark(bytes)) {
            return;
        }
        byte[] image = file.content();
        // What the guest's bytes are in already is one of its clusters as well.
        boolean shared = bytes != null
                && hasMark(MemorySegment.ofArray(image).asSlice(offset, Math.min(lengthBytes, image.length - offset)));
        if (!shared && MetadataPlaces.touches(image, offset, lengthBytes)) {
            throw new AssertionError((bytes == null ? "zeros or a hole" : "the guest's bytes")
                    + " would go over metadata: " + lengthBytes + " bytes at " + offset);
        }
    }

    private static boolean hasMark(MemorySegment bytes) {
        for (long at = 0; at <= bytes.byteSize() - INT.byteSize(); at++) {
            if (bytes.get(INT, at) == MARK) {
                return true;
            }
        }
        return false;
    }
}
