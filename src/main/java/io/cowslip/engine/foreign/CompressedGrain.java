package io.cowslip.engine.foreign;

import java.io.IOException;
import java.lang.foreign.MemorySegment;

/** A compressed piece of a disk. */
@FunctionalInterface
public interface CompressedGrain {

    /**
     * Fills {@code into} with the guest's bytes from {@code offsetInGrain} on.
     *
     * @throws io.cowslip.engine.ImageException INVALID_FORMAT where the piece cannot be decompressed or comes to less; IO
     */
    void read(int offsetInGrain, MemorySegment into) throws IOException;
}
