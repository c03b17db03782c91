package io.cowslip.engine.image.export;

import java.io.IOException;
import java.lang.foreign.MemorySegment;

/** The range of an exported file that is asked for, on its way out. */
final class ExportWindow {
    private final long end;
    private final ExportedImage.Sink sink;
    private long position;

    ExportWindow(long start, long end, ExportedImage.Sink sink) {
        this.position = start;
        this.end = end;
        this.sink = sink;
    }

    /** The next byte that is wanted. */
    long position() {
        return position;
    }

    /** The first byte that is not wanted any more. */
    long end() {
        return end;
    }

    boolean isDone() {
        return position >= end;
    }

    /** Takes what is wanted of bytes that begin at {@code offset}, which is not behind the position. */
    void put(long offset, MemorySegment bytes) throws IOException {
        long from = position - offset;
        long to = Math.min(bytes.byteSize(), end - offset);
        if (from < to) {
            sink.put(bytes.asSlice(from, to - from));
            position += to - from;
        }
    }
}
