package io.cowslip.engine.format;

import io.cowslip.engine.ImageException;
import java.lang.foreign.MemorySegment;

/**
 * Where the LUKS header and its key material lie (qcow2 specification, "Full disk encryption header pointer").
 *
 * @param hostOffset a cluster's start
 */
public record EncryptionArea(long hostOffset, long lengthBytes) {
    private static final int POINTER_BYTES = 16;

    static EncryptionArea parse(MemorySegment pointer, ImageGeometry geometry, long fileSizeBytes)
            throws ImageException {
        if (pointer.byteSize() != POINTER_BYTES) {
            throw invalid("its pointer has " + pointer.byteSize() + " bytes; it must have " + POINTER_BYTES);
        }
        EncryptionArea area =
                new EncryptionArea(pointer.get(BigEndian.LONG, 0), pointer.get(BigEndian.LONG, Long.BYTES));
        if (area.hostOffset <= 0 || geometry.offsetInCluster(area.hostOffset) != 0) {
            throw invalid("its offset is " + Long.toUnsignedString(area.hostOffset)
                    + "; it must be a multiple of the cluster size, " + geometry.clusterBytes());
        }
        if (area.lengthBytes < LuksHeader.BYTES || area.lengthBytes > LuksHeader.MAX_AREA_BYTES) {
            throw invalid("its length is " + Long.toUnsignedString(area.lengthBytes) + "; it may be " + LuksHeader.BYTES
                    + " to " + LuksHeader.MAX_AREA_BYTES);
        }
        if (area.hostOffset > fileSizeBytes - area.lengthBytes) {
            throw invalid("its " + area.lengthBytes + " bytes at " + area.hostOffset + " do not lie in the file of "
                    + fileSizeBytes);
        }
        return area;
    }

    /** The extension that says so. */
    public HeaderExtension toExtension() {
        MemorySegment pointer = MemorySegment.ofArray(new byte[POINTER_BYTES]);
        pointer.set(BigEndian.LONG, 0, hostOffset);
        pointer.set(BigEndian.LONG, Long.BYTES, lengthBytes);
        return new HeaderExtension(HeaderExtension.ENCRYPTION_HEADER, pointer);
    }

    private static ImageException invalid(String why) {
        return ImageException.of(
                ImageException.Kind.INVALID_FORMAT, "The place of the encryption header is not sound: " + why);
    }
}
