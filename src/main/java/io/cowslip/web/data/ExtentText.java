package io.cowslip.web.data;

import io.cowslip.engine.image.map.GuestExtent;
import jakarta.servlet.ServletOutputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;

/**
 * Extents as JSON, printed into one array that goes out whenever it is full. The first piece is small, so that the
 * answer begins long before a large disk is looked through.
 */
final class ExtentText {
    private static final int FIRST_PIECE_BYTES = 2048;
    private static final int PIECE_BYTES = 64 << 10;
    private static final int MAX_EXTENT_BYTES = 128;
    private static final int MAX_DIGITS = 19;

    private static final byte[] START = ascii("{\"start\":");
    private static final byte[] LENGTH = ascii(",\"length\":");
    private static final byte[] DIRTY = ascii(",\"dirty\":");
    private static final byte[] ZERO = ascii(",\"zero\":");
    private static final byte[] HOLE = ascii(",\"hole\":");
    private static final byte[] TRUE = ascii("true");
    private static final byte[] FALSE = ascii("false");

    private final ServletOutputStream out;
    private byte[] text = new byte[FIRST_PIECE_BYTES];
    private int end;

    ExtentText(ServletOutputStream out) {
        this.out = out;
    }

    private static byte[] ascii(String text) {
        return text.getBytes(StandardCharsets.US_ASCII);
    }

    /** A {@link GuestExtent} or a {@link DirtyExtent}. */
    void put(Record extent) throws IOException {
        switch (extent) {
            case GuestExtent guest -> put(guest);
            case DirtyExtent dirty -> put(dirty);
            default -> throw new IllegalArgumentException(extent + " is no extent");
        }
    }

    private void put(DirtyExtent extent) throws IOException {
        begin(extent.start(), extent.length());
        put(DIRTY);
        put(extent.dirty() ? TRUE : FALSE);
        put(ZERO);
        put(extent.zero() ? TRUE : FALSE);
        text[end++] = '}';
    }

    private void begin(long start, long length) throws IOException {
        if (end > text.length - MAX_EXTENT_BYTES) {
            send();
        }
        put(START);
        put(start);
        put(LENGTH);
        put(length);
    }

    private void put(GuestExtent extent) throws IOException {
        begin(extent.start(), extent.length());
        put(ZERO);
        put(extent.zero() ? TRUE : FALSE);
        put(HOLE);
        put(extent.hole() ? TRUE : FALSE);
        text[end++] = '}';
    }

    /** One character between extents; there is always room for it. */
    void put(char ascii) {
        text[end++] = (byte) ascii;
    }

    private void put(byte[] piece) {
        System.arraycopy(piece, 0, text, end, piece.length);
        end += piece.length;
    }

    private void put(long number) {
        int digits = 1;
        for (long bound = 10; digits < MAX_DIGITS && number >= bound; bound *= 10) {
            digits++;
        }
        long left = number;
        for (int index = end + digits - 1; index >= end; index--) {
            text[index] = (byte) ('0' + left % 10);
            left /= 10;
        }
        end += digits;
    }

    /** Sends what is printed so far on its way. */
    void send() throws IOException {
        out.write(text, 0, end);
        end = 0;
        if (text.length < PIECE_BYTES) {
            out.flush();
            text = Arrays.copyOf(text, PIECE_BYTES);
        }
    }
}
