package io.cowslip.testing;

import java.util.Arrays;

/** The bytes of a file in memory, that grow as a file does. Not for several threads. */
final class FileContent {
    private byte[] bytes;
    private int size;

    FileContent(byte[] initial) {
        bytes = initial.clone();
        size = initial.length;
    }

    FileContent(FileContent original) {
        bytes = Arrays.copyOf(original.bytes, original.size);
        size = original.size;
    }

    int size() {
        return size;
    }

    byte[] toBytes() {
        return Arrays.copyOf(bytes, size);
    }

    int read(long offset, byte[] into) {
        int length = (int) Math.clamp(size - offset, 0, into.length);
        if (length > 0) {
            System.arraycopy(bytes, (int) offset, into, 0, length);
        }
        return length;
    }

    void write(long offset, byte[] data, int from, int length) {
        growTo(offset + length);
        System.arraycopy(data, from, bytes, (int) offset, length);
    }

    void zero(long offset, long length) {
        growTo(offset + length);
        Arrays.fill(bytes, (int) offset, (int) (offset + length), (byte) 0);
    }

    void punch(long offset, long length) {
        int end = (int) Math.min(size, offset + length);
        if (offset < end) {
            Arrays.fill(bytes, (int) offset, end, (byte) 0);
        }
    }

    void truncate(long newSize) {
        if (newSize < size) {
            Arrays.fill(bytes, (int) newSize, size, (byte) 0);
            size = (int) newSize;
        } else {
            growTo(newSize);
        }
    }

    void growTo(long newSize) {
        if (newSize > bytes.length) {
            bytes = Arrays.copyOf(bytes, Math.toIntExact(newSize + newSize / 2));
        }
        size = Math.max(size, (int) newSize);
    }
}
