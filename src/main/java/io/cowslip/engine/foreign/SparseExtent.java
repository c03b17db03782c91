package io.cowslip.engine.foreign;

import io.cowslip.engine.ImageException;
import io.cowslip.engine.ImageException.Kind;
import io.cowslip.engine.foreign.format.LittleEndian;
import io.cowslip.engine.foreign.format.VmdkSparseHeader;
import io.cowslip.engine.host.HostFile;
import java.io.IOException;

/** A VMDK sparse extent: a part of a disk, or all of one, in grains that two levels of tables lead to. */
final class SparseExtent implements ForeignDisk {
    private final HostFile file;
    private final VmdkSparseHeader header;
    private final TablePages pages;
    private final BlockTableDisk grains;

    private SparseExtent(HostFile file, VmdkSparseHeader header, TablePages pages) throws IOException {
        this.file = file;
        this.header = header;
        this.pages = pages;
        this.grains = new BlockTableDisk(file, header.capacityBytes(), header.grainBytes(), this::hostOffset);
    }

    /** Reads the header, and the footer where that has the say. */
    static SparseExtent open(HostFile file, TablePages pages) throws IOException {
        long fileSizeBytes = file.sizeBytes();
        VmdkSparseHeader header = Headers.parse(file, 0, VmdkSparseHeader.BYTES, VmdkSparseHeader::parse);
        if (header.directoryOffset() == VmdkSparseHeader.AT_END) {
            long footerOffset = Math.max(0, fileSizeBytes - VmdkSparseHeader.FOOTER_DISTANCE_BYTES);
            header = Headers.parse(file, footerOffset, VmdkSparseHeader.BYTES, VmdkSparseHeader::parse);
        }
        try {
            header.requireDirectory(fileSizeBytes);
        } catch (ImageException refused) {
            throw refused.in(file.path());
        }
        return new SparseExtent(file, header, pages);
    }

    VmdkSparseHeader header() {
        return header;
    }

    @Override
    public long virtualSizeBytes() {
        return header.capacityBytes();
    }

    @Override
    public int blockBytes() {
        return header.grainBytes();
    }

    @Override
    public DiskRun runAt(long offset, long maxLengthBytes) throws IOException {
        if (header.compressed()) {
            int grainBytes = header.grainBytes();
            long place = hostOffset(offset / grainBytes);
            if (place >= 0) {
                int offsetInGrain = (int) (offset % grainBytes);
                return new DiskRun.Compressed(
                        new StreamGrain(file, place, grainBytes),
                        offsetInGrain,
                        Math.min(grainBytes - offsetInGrain, maxLengthBytes));
            }
        }
        return grains.runAt(offset, maxLengthBytes);
    }

    private long hostOffset(long grain) throws IOException {
        int entriesPerTable = header.entriesPerTable();
        long directoryEntryOffset = header.directoryOffset() + grain / entriesPerTable * Integer.BYTES;
        int directoryEntry = pages.intAt(file, directoryEntryOffset, LittleEndian.INT);
        if (directoryEntry == VmdkSparseHeader.UNALLOCATED) {
            return BlockTableDisk.HOLE;
        }
        long entryOffset = VmdkSparseHeader.hostOffset(directoryEntry) + grain % entriesPerTable * Integer.BYTES;
        int entry = pages.intAt(file, entryOffset, LittleEndian.INT);
        if (entry == VmdkSparseHeader.UNALLOCATED) {
            return BlockTableDisk.HOLE;
        }
        if (entry == VmdkSparseHeader.ZERO) {
            return zero(grain);
        }
        return VmdkSparseHeader.hostOffset(entry);
    }

    private long zero(long grain) throws ImageException {
        if (header.zeroedGrains()) {
            return BlockTableDisk.ZERO;
        }
        throw ImageException.of(
                Kind.INVALID_FORMAT,
                file.path(),
                "grain " + grain + " is at sector 1, which is the descriptor's; only an image with zeroed grains has"
                        + " such entries");
    }
}
