package io.cowslip.web.data;

/** A run of bytes of a disk: where it starts and how long it is. */
record ByteWindow(long start, long length) {

    /** The window from {@code first} to {@code last}, both inside it. */
    static ByteWindow ofBounds(long first, long last) {
        return new ByteWindow(first, last - first + 1);
    }

    /** The first byte after the window. */
    long end() {
        return start + length;
    }

    /** The window as {@code Content-Range} names it. */
    String contentRange(long sizeBytes) {
        return "bytes " + start + "-" + (end() - 1) + "/" + sizeBytes;
    }

    /** Whether the two overlap or have nothing between them. */
    boolean touches(ByteWindow other) {
        return start <= other.end() && other.start <= end();
    }

    /** The smallest window that holds both. */
    ByteWindow join(ByteWindow other) {
        long first = Math.min(start, other.start);
        return new ByteWindow(first, Math.max(end(), other.end()) - first);
    }
}
