package io.cowslip.engine.image;

/**
 * A disk cut into pieces of equal length for several threads: few enough for the largest disk, whose holes are long too,
 * and each of whole clusters of any size.
 */
record DiskPieces(long sizeBytes, long pieceBytes) {
    /** What is read or written at once. */
    static final int CHUNK_BYTES = 2 << 20;

    private static final int MOST_PIECES = 1 << 16;

    static DiskPieces of(long sizeBytes) {
        long chunks = Math.ceilDiv(sizeBytes, CHUNK_BYTES);
        return new DiskPieces(sizeBytes, Math.max(1, Math.ceilDiv(chunks, MOST_PIECES)) * CHUNK_BYTES);
    }

    int count() {
        return Math.toIntExact(Math.ceilDiv(sizeBytes, pieceBytes));
    }

    long start(int index) {
        return index * pieceBytes;
    }

    long end(int index) {
        return Math.min(sizeBytes, start(index) + pieceBytes);
    }
}
