package io.cowslip.engine.image.file;

import io.cowslip.engine.ImageException;
import io.cowslip.engine.format.HeaderLayout;
import io.cowslip.engine.format.ImageHeader;
import io.cowslip.engine.host.HostFile;
import io.cowslip.engine.host.IoBuffers;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import org.jspecify.annotations.Nullable;

/** Reads headers from files, and tells which file it was when one is refused. */
public final class HeaderReader {
    private HeaderReader() {}

    /**
     * The header of a qcow2 file.
     *
     * @throws ImageException INVALID_FORMAT or UNSUPPORTED_FEATURE as {@link ImageHeader#parse} finds, with the path
     */
    public static ImageHeader read(HostFile file) throws IOException {
        try (IoBuffers.Loan loan = IoBuffers.borrow(HeaderLayout.MAX_BYTES_READ)) {
            return parse(file, start(file, loan));
        }
    }

    /** The same, or null where the file does not say that it is qcow2. */
    public static @Nullable ImageHeader readIfQcow2(HostFile file) throws IOException {
        try (IoBuffers.Loan loan = IoBuffers.borrow(HeaderLayout.MAX_BYTES_READ)) {
            MemorySegment start = start(file, loan);
            return ImageHeader.hasMagic(start) ? parse(file, start) : null;
        }
    }

    private static MemorySegment start(HostFile file, IoBuffers.Loan loan) throws IOException {
        MemorySegment buffer = loan.segment(HeaderLayout.MAX_BYTES_READ);
        return buffer.asSlice(0, file.read(0, buffer));
    }

    private static ImageHeader parse(HostFile file, MemorySegment start) throws IOException {
        try {
            return ImageHeader.parse(start, file.sizeBytes());
        } catch (ImageException e) {
            throw e.in(file.path());
        }
    }
}
