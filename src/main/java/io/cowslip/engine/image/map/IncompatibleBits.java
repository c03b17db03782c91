package io.cowslip.engine.image.map;

import io.cowslip.engine.format.BigEndian;
import io.cowslip.engine.format.Features;
import io.cowslip.engine.format.HeaderLayout;
import io.cowslip.engine.format.ImageHeader;
import io.cowslip.engine.host.HostFile;
import io.cowslip.engine.host.IoBuffers;
import io.cowslip.engine.image.file.UnsyncedData;
import java.io.IOException;
import java.lang.foreign.MemorySegment;

/**
 * The incompatible feature bits of an open image (header bytes 72 to 79), of which the dirty bit and the corrupt bit come
 * and go while it is written. Version 2 has none: there, neither is ever set, as in QEMU. Any thread.
 */
final class IncompatibleBits {
    private final HostFile file;
    private final UnsyncedData unsynced;
    private final boolean inFile;
    private long bits;

    IncompatibleBits(HostFile file, ImageHeader header, UnsyncedData unsynced) {
        this.file = file;
        this.unsynced = unsynced;
        this.inFile = header.version() > 2;
        this.bits = header.features().incompatible();
    }

    /** Says durably that refcounts may be wrong until they are repaired; does nothing where that is said. */
    synchronized void markDirty() throws IOException {
        change(bits | Features.DIRTY);
    }

    /** Says durably that refcounts are right, which they are in the file. */
    synchronized void markClean() throws IOException {
        change(bits & ~Features.DIRTY);
    }

    private void change(long wanted) throws IOException {
        if (inFile && bits != wanted) {
            unsynced.written();
            write(wanted);
            unsynced.sync();
            bits = wanted;
        }
    }

    /** Says durably that metadata contradicts itself, also where no other write is let through any more. */
    synchronized void markCorrupt() throws IOException {
        if (inFile && (bits & Features.CORRUPT) == 0) {
            write(bits | Features.CORRUPT);
            unsynced.syncAfterFailure();
            bits |= Features.CORRUPT;
        }
    }

    /** Writes a header, in which the bits become what they are: none that is set meanwhile is lost. */
    synchronized void writeHeader(MemorySegment whole) throws IOException {
        if (inFile) {
            whole.set(BigEndian.LONG, HeaderLayout.INCOMPATIBLE_FEATURES, bits);
        }
        file.write(0, whole);
    }

    private void write(long wanted) throws IOException {
        try (IoBuffers.Loan loan = IoBuffers.borrow(Long.BYTES)) {
            MemorySegment field = loan.segment(Long.BYTES);
            field.set(BigEndian.LONG, 0, wanted);
            file.write(HeaderLayout.INCOMPATIBLE_FEATURES, field);
        }
    }
}
