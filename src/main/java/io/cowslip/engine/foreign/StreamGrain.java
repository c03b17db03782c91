package io.cowslip.engine.foreign;

import io.cowslip.engine.ImageException;
import io.cowslip.engine.ImageException.Kind;
import io.cowslip.engine.codec.ZlibStream;
import io.cowslip.engine.foreign.format.LittleEndian;
import io.cowslip.engine.host.HostFile;
import io.cowslip.engine.host.IoBuffers;
import java.io.IOException;
import java.lang.foreign.MemorySegment;

/**
 * A grain of a stream-optimized VMDK extent: a marker, which says how long it is, and a zlib stream (Virtual Disk Format
 * 5.0, "Stream-Optimized Compressed Sparse Extents").
 */
record StreamGrain(HostFile file, long hostOffset, int grainBytes) implements CompressedGrain {
    private static final int SIZE_OFFSET = 8;
    private static final int MARKER_BYTES = 12;

    /** What does not get smaller may get a little larger, but never as much. */
    private static final int MOST_OF_A_GRAIN = 2;

    @Override
    public void read(int offsetInGrain, MemorySegment into) throws IOException {
        int mostBytes = MOST_OF_A_GRAIN * grainBytes;
        try (IoBuffers.Loan loan = IoBuffers.borrow(MARKER_BYTES + mostBytes)) {
            MemorySegment packed = readPacked(loan.segment(MARKER_BYTES + mostBytes), mostBytes);
            if (offsetInGrain == 0) {
                decode(packed, into, into.byteSize());
            } else {
                readPart(packed, offsetInGrain, into);
            }
        }
    }

    private void readPart(MemorySegment packed, int offsetInGrain, MemorySegment into) throws IOException {
        try (IoBuffers.Loan loan = IoBuffers.borrow(grainBytes)) {
            MemorySegment grain = loan.segment(offsetInGrain + into.byteSize());
            decode(packed, grain, grain.byteSize());
            into.copyFrom(grain.asSlice(offsetInGrain));
        }
    }

    private void decode(MemorySegment packed, MemorySegment into, long neededBytes) throws ImageException {
        long decoded;
        try {
            decoded = ZlibStream.decode(packed, into);
        } catch (ImageException damaged) {
            throw corrupt("cannot be decoded").causedBy(damaged);
        }
        if (decoded < neededBytes) {
            throw corrupt("comes to " + decoded + " bytes; it must have at least " + neededBytes);
        }
    }

    /** Most grains are in the first read, with their marker. */
    private MemorySegment readPacked(MemorySegment buffer, int mostBytes) throws IOException {
        long count = file.read(hostOffset, buffer.asSlice(0, MARKER_BYTES + grainBytes));
        long lengthBytes = count < MARKER_BYTES ? 0 : Integer.toUnsignedLong(buffer.get(LittleEndian.INT, SIZE_OFFSET));
        if (lengthBytes == 0 || lengthBytes > mostBytes) {
            throw corrupt("has a marker of " + lengthBytes + " bytes; it may have 1 to " + mostBytes);
        }
        if (count == MARKER_BYTES + grainBytes && lengthBytes > grainBytes) {
            count += file.read(hostOffset + count, buffer.asSlice(count, lengthBytes - grainBytes));
        }
        if (count < MARKER_BYTES + lengthBytes) {
            throw corrupt("of " + lengthBytes + " bytes reaches past the end of the file");
        }
        return buffer.asSlice(MARKER_BYTES, lengthBytes);
    }

    private ImageException corrupt(String why) {
        return ImageException.of(Kind.INVALID_FORMAT, file.path(), "the compressed grain at " + hostOffset + " " + why);
    }
}
