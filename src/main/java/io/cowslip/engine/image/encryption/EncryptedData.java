package io.cowslip.engine.image.encryption;

import io.cowslip.engine.codec.ClusterCipher;
import io.cowslip.engine.host.HostFile;
import io.cowslip.engine.host.IoBuffers;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.util.concurrent.locks.StampedLock;

/**
 * Encrypted bytes of a guest in a file. Whole sectors are encrypted, so a write of less reads the sector, decrypts it,
 * and writes all of it.
 *
 * <p>Two such writes to one sector must not lose each other's bytes, nor may a reader meet a sector half written, which
 * would decrypt to what nobody ever wrote. Hence the file is divided into regions, and each region has a lock, shared
 * with others by a few: a write has it alone, reads have it together. Requests go region by region and hold one lock at
 * a time. It is the innermost lock of all.
 */
public final class EncryptedData implements AutoCloseable {
    private static final int REGION_BYTES = ClusterCipher.MAX_BYTES;
    private static final int LOCKS = 64;
    private static final long IN_SECTOR = ClusterCipher.SECTOR_BYTES - 1;

    private final HostFile file;
    private final ClusterCipher cipher;
    private final boolean numberedByGuest;
    private final StampedLock[] locks = new StampedLock[LOCKS];

    /**
     * @param cipher this object's own from now on
     * @param numberedByGuest whether a sector's number is its place on the disk, as in the format's first encryption,
     *     and not its place in the file
     */
    public EncryptedData(HostFile file, ClusterCipher cipher, boolean numberedByGuest) {
        this.file = file;
        this.cipher = cipher;
        this.numberedByGuest = numberedByGuest;
        for (int index = 0; index < LOCKS; index++) {
            locks[index] = new StampedLock();
        }
    }

    /** The cipher for another layer of the same image, which ends its copy itself. */
    public ClusterCipher copyOfCipher() {
        return cipher.copy();
    }

    /** What a request does to a part of one region. */
    @FunctionalInterface
    private interface Piece {
        void act(long hostOffset, long guestOffset, MemorySegment memory) throws IOException;
    }

    /** Fills {@code into} with what is decrypted. */
    public void read(long hostOffset, long guestOffset, MemorySegment into) throws IOException {
        byRegion(hostOffset, guestOffset, into, (host, guest, piece) -> {
            StampedLock lock = lockOf(host);
            long stamp = lock.readLock();
            try {
                readPiece(host, guest, piece);
            } finally {
                lock.unlockRead(stamp);
            }
        });
    }

    /** Writes {@code from} encrypted; what is less than a sector together with the rest of it. */
    public void write(long hostOffset, long guestOffset, MemorySegment from) throws IOException {
        byRegion(hostOffset, guestOffset, from, (host, guest, piece) -> {
            StampedLock lock = lockOf(host);
            long stamp = lock.writeLock();
            try {
                writePiece(host, guest, piece);
            } finally {
                lock.unlockWrite(stamp);
            }
        });
    }

    /** Writes zeros: a file that reads as zeros does not decrypt to any. */
    public void zero(long hostOffset, long guestOffset, long lengthBytes) throws IOException {
        try (IoBuffers.Loan loan = IoBuffers.borrow(REGION_BYTES)) {
            MemorySegment zeros = loan.segment(REGION_BYTES).fill((byte) 0);
            for (long done = 0; done < lengthBytes; done += REGION_BYTES) {
                long length = Math.min(REGION_BYTES, lengthBytes - done);
                write(hostOffset + done, guestOffset + done, zeros.asSlice(0, length));
            }
        }
    }

    private static void byRegion(long hostOffset, long guestOffset, MemorySegment memory, Piece action)
            throws IOException {
        long done = 0;
        while (done < memory.byteSize()) {
            long toRegionEnd = REGION_BYTES - (hostOffset + done) % REGION_BYTES;
            long length = Math.min(toRegionEnd, memory.byteSize() - done);
            action.act(hostOffset + done, guestOffset + done, memory.asSlice(done, length));
            done += length;
        }
    }

    private StampedLock lockOf(long hostOffset) {
        return locks[(int) (hostOffset / REGION_BYTES % LOCKS)];
    }

    private void readPiece(long host, long guest, MemorySegment into) throws IOException {
        long head = host & IN_SECTOR;
        if (head == 0 && (into.byteSize() & IN_SECTOR) == 0) {
            readSectors(host, guest, into);
            return;
        }
        try (IoBuffers.Loan loan = IoBuffers.borrow(REGION_BYTES)) {
            MemorySegment sectors = loan.segment(roundUp(head + into.byteSize()));
            readSectors(host - head, guest - head, sectors);
            MemorySegment.copy(sectors, head, into, 0, into.byteSize());
        }
    }

    /** What the file does not have counts as zeros before it is decrypted, as in QEMU. */
    private void readSectors(long host, long guest, MemorySegment into) throws IOException {
        into.asSlice(file.read(host, into)).fill((byte) 0);
        cipher.decrypt(sector(host, guest), into, into);
    }

    private void writePiece(long host, long guest, MemorySegment from) throws IOException {
        long head = host & IN_SECTOR;
        long length = roundUp(head + from.byteSize());
        try (IoBuffers.Loan loan = IoBuffers.borrow(REGION_BYTES)) {
            MemorySegment sectors = loan.segment(length);
            if (head > 0 || length > from.byteSize()) {
                readEdges(host - head, guest - head, sectors, head, from.byteSize());
            }
            MemorySegment.copy(from, 0, sectors, head, from.byteSize());
            cipher.encrypt(sector(host - head, guest - head), sectors, sectors);
            file.write(host - head, sectors);
        }
    }

    /** Fills the first and the last sector where only a part of them will be written. */
    private void readEdges(long host, long guest, MemorySegment sectors, long head, long length) throws IOException {
        long last = sectors.byteSize() - ClusterCipher.SECTOR_BYTES;
        if (head > 0) {
            readSectors(host, guest, sectors.asSlice(0, ClusterCipher.SECTOR_BYTES));
        }
        if (head + length < sectors.byteSize() && (last > 0 || head == 0)) {
            readSectors(host + last, guest + last, sectors.asSlice(last));
        }
    }

    private long sector(long host, long guest) {
        return (numberedByGuest ? guest : host) / ClusterCipher.SECTOR_BYTES;
    }

    private static long roundUp(long bytes) {
        return bytes + IN_SECTOR & ~IN_SECTOR;
    }

    /** Wipes the key. No other call is under way. */
    @Override
    public void close() {
        cipher.close();
    }
}
