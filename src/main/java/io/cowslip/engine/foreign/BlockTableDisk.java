package io.cowslip.engine.foreign;

import io.cowslip.engine.ImageException;
import io.cowslip.engine.ImageException.Kind;
import io.cowslip.engine.host.HostFile;
import java.io.IOException;

/** A disk of equal blocks in one file, with one table that says where each is. */
final class BlockTableDisk implements ForeignDisk {
    /** What {@link BlockTable} says of a block that the image has nothing of. */
    static final long HOLE = -1;

    /** What {@link BlockTable} says of a block that the image calls zeros. */
    static final long ZERO = -2;

    /** Entries that are looked at for one run at most, so that no question takes long. */
    private static final int MAX_ENTRIES_PER_RUN = 1 << 13;

    private final HostFile file;
    private final long fileSizeBytes;
    private final long virtualSizeBytes;
    private final int blockBytes;
    private final BlockTable table;

    /** Says where blocks are. */
    @FunctionalInterface
    interface BlockTable {

        /** The host offset of the first byte of a block of the disk, {@link #HOLE} or {@link #ZERO}. */
        long hostOffset(long block) throws IOException;
    }

    BlockTableDisk(HostFile file, long virtualSizeBytes, int blockBytes, BlockTable table) throws IOException {
        this.file = file;
        this.fileSizeBytes = file.sizeBytes();
        this.virtualSizeBytes = virtualSizeBytes;
        this.blockBytes = blockBytes;
        this.table = table;
    }

    @Override
    public long virtualSizeBytes() {
        return virtualSizeBytes;
    }

    @Override
    public int blockBytes() {
        return blockBytes;
    }

    @Override
    public DiskRun runAt(long guestOffset, long maxLengthBytes) throws IOException {
        long end = guestOffset + maxLengthBytes;
        long block = guestOffset / blockBytes;
        long place = table.hostOffset(block);
        long next = block + 1;
        long last = block + MAX_ENTRIES_PER_RUN;
        while (next * blockBytes < end && next < last && continues(place, next - block, table.hostOffset(next))) {
            next++;
        }
        long lengthBytes = Math.min(end, next * blockBytes) - guestOffset;
        if (place == HOLE) {
            return new DiskRun.Hole(lengthBytes);
        }
        return place == ZERO
                ? new DiskRun.Zero(lengthBytes)
                : data(block, place + guestOffset % blockBytes, lengthBytes);
    }

    private boolean continues(long place, long blocksOn, long nextPlace) {
        return place < 0 ? nextPlace == place : nextPlace == place + blocksOn * blockBytes;
    }

    private DiskRun data(long block, long hostOffset, long lengthBytes) throws ImageException {
        if (hostOffset > fileSizeBytes - lengthBytes) {
            throw ImageException.of(
                    Kind.INVALID_FORMAT,
                    file.path(),
                    "the block table has block " + block + " at " + hostOffset + ", from where " + lengthBytes
                            + " bytes must lie in the file, which has " + fileSizeBytes);
        }
        return new DiskRun.Data(file, hostOffset, lengthBytes);
    }
}
