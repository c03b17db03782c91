package io.cowslip.engine.work;

/**
 * A disk cut into pieces of equal length for several threads: few enough for the largest disk, whose holes are long too,
 * and each of whole clusters of any size.
 */
public record DiskPieces(long sizeBytes, long pieceBytes) {
    /** What is read or written at once. */
    public static final int CHUNK_BYTES = 2 << 20;

    private static final int MOST_PIECES = 1 << 16;

    /** The pieces of a disk of this size. */
    public static DiskPieces of(long sizeBytes) {
        long chunks = Math.ceilDiv(sizeBytes, CHUNK_BYTES);
        return new DiskPieces(sizeBytes, Math.max(1, Math.ceilDiv(chunks, MOST_PIECES)) * CHUNK_BYTES);
    }

    /** How many there are. */
    public int count() {
        return Math.toIntExact(Math.ceilDiv(sizeBytes, pieceBytes));
    }

    /** Where a piece begins, in bytes. */
    public long start(int index) {
        return index * pieceBytes;
    }

    /** Where a piece ends, in bytes. */
    public long end(int index) {
        return Math.min(sizeBytes, start(index) + pieceBytes);
    }
}
