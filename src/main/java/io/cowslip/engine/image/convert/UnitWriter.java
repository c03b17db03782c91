package io.cowslip.engine.image.convert;

import io.cowslip.engine.image.DiskImage;
import io.cowslip.engine.image.layer.ZeroDetection;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import org.jspecify.annotations.Nullable;

/**
 * Makes a disk read like given bytes, unit by unit as its clusters cut them, so that each unit is allocated, or
 * compressed, once. Any thread.
 *
 * @param unitBytes a power of two
 * @param zeros what is done about units that are to read as zeros
 */
record UnitWriter(DiskImage target, long unitBytes, Zeros zeros) {
    /** What is done about units that are to read as zeros. */
    enum Zeros {
        /** Nothing: they do so already. */
        LEFT,
        /** They are zeroed. */
        ZEROED,
        /** They are written as data. */
        WRITTEN
    }

    private enum Step {
        LEAVE,
        ZERO,
        WRITE
    }

    /**
     * Makes the disk read {@code wanted} from {@code start} on.
     *
     * @param present what it reads there now, of which nothing that is wanted is written again; null: nobody knows
     */
    void put(long start, MemorySegment wanted, @Nullable MemorySegment present) throws IOException {
        long position = 0;
        while (position < wanted.byteSize()) {
            long end = unitEnd(start, position, wanted.byteSize());
            Step step = step(wanted, present, position, end);
            while (end < wanted.byteSize()
                    && step(wanted, present, end, unitEnd(start, end, wanted.byteSize())) == step) {
                end = unitEnd(start, end, wanted.byteSize());
            }
            switch (step) {
                case LEAVE -> {}
                case ZERO -> target.zero(start + position, end - position);
                case WRITE -> target.write(start + position, wanted.asSlice(position, end - position));
            }
            position = end;
        }
    }

    private long unitEnd(long start, long position, long lengthBytes) {
        return Math.min(lengthBytes, (start + position & -unitBytes) + unitBytes - start);
    }

    private Step step(MemorySegment wanted, @Nullable MemorySegment present, long from, long to) {
        if (present != null && MemorySegment.mismatch(wanted, from, to, present, from, to) < 0) {
            return Step.LEAVE;
        }
        if (zeros == Zeros.WRITTEN || !ZeroDetection.isZero(wanted, from, to)) {
            return Step.WRITE;
        }
        return zeros == Zeros.LEFT ? Step.LEAVE : Step.ZERO;
    }
}
