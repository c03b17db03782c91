package io.cowslip.engine.image;

import io.cowslip.engine.host.HostFile;
import java.io.IOException;
import java.lang.foreign.MemorySegment;

/**
 * The guest's own bytes of one image, which are all that is not metadata and not compressed: in the image file, or in an
 * external data file (qcow2 specification, "Incompatible features", bit 2). Every offset is given twice, as the place in
 * the file and as the place on the disk. Any thread.
 */
final class DataStore {
    private final HostFile file;

    DataStore(HostFile file) {
        this.file = file;
    }

    /** The file that the bytes are in. */
    HostFile file() {
        return file;
    }

    /** Fills {@code into}. A file may end before its last data cluster does: what is missing reads as zeros. */
    void read(long hostOffset, long guestOffset, MemorySegment into) throws IOException {
        long count = file.read(hostOffset, into);
        if (count < into.byteSize()) {
            into.asSlice(count).fill((byte) 0);
        }
    }

    /** Writes all of {@code from}. */
    void write(long hostOffset, long guestOffset, MemorySegment from) throws IOException {
        file.write(hostOffset, from);
    }

    /** Makes the range read as zeros. */
    void zero(long hostOffset, long guestOffset, long lengthBytes) throws IOException {
        // Past its end the file reads as zeros once it has grown, so they need not be written there.
        if (hostOffset < file.sizeBytes()) {
            file.zero(hostOffset, lengthBytes);
        }
    }
}
