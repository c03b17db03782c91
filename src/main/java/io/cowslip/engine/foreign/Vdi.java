package io.cowslip.engine.foreign;

import io.cowslip.engine.foreign.format.LittleEndian;
import io.cowslip.engine.foreign.format.VdiHeader;
import io.cowslip.engine.host.HostFile;
import java.io.IOException;
import java.lang.foreign.MemorySegment;

/** VirtualBox disk images, dynamic and static. */
final class Vdi {
    private Vdi() {}

    static boolean isAtStartOf(MemorySegment start) {
        return VdiHeader.hasSignature(start);
    }

    static ForeignDisk open(HostFile file) throws IOException {
        long fileSizeBytes = file.sizeBytes();
        VdiHeader header = Headers.parse(file, 0, VdiHeader.BYTES, start -> VdiHeader.parse(start, fileSizeBytes));
        TablePages pages = new TablePages();
        return new BlockTableDisk(file, header.virtualSizeBytes(), header.blockBytes(), block -> {
            int entry = pages.intAt(file, header.tableOffset() + block * Integer.BYTES, LittleEndian.INT);
            return switch (entry) {
                case VdiHeader.UNALLOCATED -> BlockTableDisk.HOLE;
                case VdiHeader.ZERO -> BlockTableDisk.ZERO;
                default -> header.hostOffset(entry);
            };
        });
    }
}
