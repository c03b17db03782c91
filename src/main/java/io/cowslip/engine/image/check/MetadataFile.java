package io.cowslip.engine.image.check;

import io.cowslip.engine.host.HostFile;
import io.cowslip.engine.host.IoBuffers;
import io.cowslip.engine.work.WorkThreads;
import java.io.IOException;
import java.lang.foreign.MemorySegment;

/**
 * The file of an image under check: metadata is read in pieces of any size, and what lies past the end of the file reads
 * as zeros, as in QEMU.
 *
 * @param file the file
 * @param threads who reads, and counts what was read
 */
public record MetadataFile(HostFile file, WorkThreads threads) {
    private static final int PIECE_BYTES = 1 << 20;

    /** Takes a piece of a table, valid during the call. */
    @FunctionalInterface
    interface PieceUser {
        /** @param firstByte where the piece lies in the table */
        void use(long firstByte, MemorySegment piece) throws IOException;
    }

    /** Fills {@code into}; what the file does not have is zeros. */
    public void read(long hostOffset, MemorySegment into) throws IOException {
        long count = file.read(hostOffset, into);
        if (count < into.byteSize()) {
            into.asSlice(count).fill((byte) 0);
        }
        threads.done(into.byteSize());
    }

    /** Shows a table piece by piece; each piece ends where 64-bit entries do. Holes that span pieces are left out. */
    void readPieces(long hostOffset, long lengthBytes, PieceUser user) throws IOException {
        try (IoBuffers.Loan loan = IoBuffers.borrow(Math.min(PIECE_BYTES, lengthBytes))) {
            long done = 0;
            while (done < lengthBytes) {
                done = skipHole(hostOffset, done, lengthBytes);
                MemorySegment piece = loan.segment(Math.min(PIECE_BYTES, lengthBytes - done));
                if (piece.byteSize() > 0) {
                    read(hostOffset + done, piece);
                    user.use(done, piece);
                }
                done += piece.byteSize();
            }
        }
    }

    private long skipHole(long hostOffset, long done, long lengthBytes) throws IOException {
        if (lengthBytes - done <= PIECE_BYTES) {
            return done;
        }
        long data = file.nextData(hostOffset + done);
        long skipped = data - (hostOffset + done);
        if (skipped < 0) {
            return lengthBytes;
        }
        if (skipped < PIECE_BYTES) {
            return done;
        }
        return Math.min(lengthBytes, done + skipped / PIECE_BYTES * PIECE_BYTES);
    }
}
