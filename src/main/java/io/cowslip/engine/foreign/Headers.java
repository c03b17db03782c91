package io.cowslip.engine.foreign;

import io.cowslip.engine.ImageException;
import io.cowslip.engine.host.HostFile;
import io.cowslip.engine.host.IoBuffers;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import org.jspecify.annotations.Nullable;

/** Reads headers from files, and tells which file it was when one is refused. */
final class Headers {
    private Headers() {}

    /** What is made of a header's bytes. */
    @FunctionalInterface
    interface Parser<T extends @Nullable Object> {
        T parse(MemorySegment header) throws ImageException;
    }

    /** Parses the bytes from {@code hostOffset} on: {@code lengthBytes} of them, or as many as the file has. */
    static <T extends @Nullable Object> T parse(HostFile file, long hostOffset, int lengthBytes, Parser<T> parser)
            throws IOException {
        MemorySegment header = read(file, hostOffset, lengthBytes);
        try {
            return parser.parse(header);
        } catch (ImageException refused) {
            throw refused.in(file.path());
        }
    }

    /** A copy of the bytes from {@code hostOffset} on: {@code lengthBytes} of them, or as many as the file has. */
    static MemorySegment read(HostFile file, long hostOffset, int lengthBytes) throws IOException {
        try (IoBuffers.Loan loan = IoBuffers.borrow(lengthBytes)) {
            MemorySegment into = loan.segment(lengthBytes);
            long count = file.read(hostOffset, into);
            return MemorySegment.ofArray(into.asSlice(0, count).toArray(ValueLayout.JAVA_BYTE));
        }
    }
}
