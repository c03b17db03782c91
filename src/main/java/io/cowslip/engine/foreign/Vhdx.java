package io.cowslip.engine.foreign;

import io.cowslip.engine.ImageException;
import io.cowslip.engine.ImageException.Kind;
import io.cowslip.engine.foreign.format.LittleEndian;
import io.cowslip.engine.foreign.format.VhdxBlockEntry;
import io.cowslip.engine.foreign.format.VhdxHeader;
import io.cowslip.engine.foreign.format.VhdxLog;
import io.cowslip.engine.foreign.format.VhdxMetadata;
import io.cowslip.engine.foreign.format.VhdxRegions;
import io.cowslip.engine.foreign.format.VhdxReplay;
import io.cowslip.engine.host.HostFile;
import java.io.IOException;
import java.lang.foreign.MemorySegment;

/**
 * VHDX images, fixed and dynamic. What is in the log of one that was not closed counts as if it were in its place; the file
 * stays as it is.
 */
final class Vhdx {
    private Vhdx() {}

    static boolean isAtStartOf(MemorySegment start) {
        return VhdxHeader.hasSignature(start);
    }

    static ForeignDisk open(HostFile file) throws IOException {
        if (!isAtStartOf(Headers.read(file, 0, Long.BYTES))) {
            throw ImageException.of(Kind.INVALID_FORMAT, file.path(), "the file has no VHDX signature");
        }
        HostFile replayed = replayed(file);
        long fileSizeBytes = replayed.sizeBytes();
        MemorySegment secondRegions = Headers.read(replayed, VhdxRegions.SECOND_OFFSET, VhdxRegions.BYTES);
        VhdxRegions regions = Headers.parse(
                replayed,
                VhdxRegions.FIRST_OFFSET,
                VhdxRegions.BYTES,
                first -> VhdxRegions.parse(first, secondRegions, fileSizeBytes));
        VhdxMetadata metadata = metadata(replayed, regions.metadata());
        try {
            metadata.requireTable(regions.blockTable());
        } catch (ImageException refused) {
            throw refused.in(file.path());
        }
        return new BlockTableDisk(
                replayed,
                metadata.virtualSizeBytes(),
                metadata.blockBytes(),
                new Table(replayed, regions.blockTable().hostOffset(), metadata, new TablePages()));
    }

    private record Table(HostFile file, long tableOffset, VhdxMetadata metadata, TablePages pages)
            implements BlockTableDisk.BlockTable {

        @Override
        public long hostOffset(long block) throws IOException {
            long entryOffset = tableOffset + metadata.entryIndex(block) * Long.BYTES;
            long entry = pages.longAt(file, entryOffset, LittleEndian.LONG);
            return switch (VhdxBlockEntry.state(entry)) {
                case NOT_PRESENT -> BlockTableDisk.HOLE;
                case ZERO -> BlockTableDisk.ZERO;
                case PRESENT -> present(block, entry);
                case INVALID -> throw corrupt(block, "a state that only a differencing image may have, or none");
            };
        }

        private long present(long block, long entry) throws ImageException {
            long hostOffset = VhdxBlockEntry.hostOffset(entry);
            if (hostOffset <= 0) {
                throw corrupt(block, "no place in the file");
            }
            return hostOffset;
        }

        private ImageException corrupt(long block, String why) {
            return ImageException.of(Kind.INVALID_FORMAT, file.path(), "block " + block + " has " + why);
        }
    }

    private static VhdxMetadata metadata(HostFile file, VhdxRegions.Region region) throws IOException {
        VhdxMetadata.Items items = Headers.parse(
                file,
                region.hostOffset(),
                VhdxMetadata.TABLE_BYTES,
                table -> VhdxMetadata.Items.parse(table, region.lengthBytes()));
        MemorySegment diskSize = item(file, region, items.virtualDiskSize());
        MemorySegment sectorSize = item(file, region, items.logicalSectorSize());
        return Headers.parse(
                file,
                region.hostOffset() + items.fileParameters(),
                VhdxMetadata.ITEM_BYTES,
                parameters -> VhdxMetadata.parse(parameters, diskSize, sectorSize));
    }

    private static MemorySegment item(HostFile file, VhdxRegions.Region region, long offset) throws IOException {
        return Headers.read(file, region.hostOffset() + offset, VhdxMetadata.ITEM_BYTES);
    }

    private static HostFile replayed(HostFile file) throws IOException {
        long fileSizeBytes = file.sizeBytes();
        MemorySegment second = Headers.read(file, VhdxHeader.SECOND_OFFSET, VhdxHeader.BYTES);
        VhdxHeader header = Headers.parse(
                file,
                VhdxHeader.FIRST_OFFSET,
                VhdxHeader.BYTES,
                first -> VhdxHeader.parse(first, second, fileSizeBytes));
        if (header.isLogEmpty()) {
            return file;
        }
        if (header.logLengthBytes() > VhdxLog.MAX_BYTES) {
            throw ImageException.of(
                    Kind.UNSUPPORTED_FEATURE,
                    file.path(),
                    "the VHDX image was not closed, and its log has " + header.logLengthBytes() + " bytes; at most "
                            + VhdxLog.MAX_BYTES + " are read: let the program that wrote it open and close it");
        }
        VhdxReplay replay = Headers.parse(
                file, header.logOffset(), (int) header.logLengthBytes(), log -> header.replay(log, fileSizeBytes));
        return replay == null ? file : new ReplayedFile(file, replay);
    }
}
