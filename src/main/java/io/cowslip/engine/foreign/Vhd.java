package io.cowslip.engine.foreign;

import io.cowslip.engine.ImageException;
import io.cowslip.engine.ImageException.Kind;
import io.cowslip.engine.foreign.format.VhdDynamicHeader;
import io.cowslip.engine.foreign.format.VhdFooter;
import io.cowslip.engine.format.BigEndian;
import io.cowslip.engine.host.HostFile;
import java.io.IOException;
import java.lang.foreign.MemorySegment;

/** VHD images, fixed and dynamic. */
final class Vhd {
    private Vhd() {}

    /** Only of a dynamic image: a fixed one starts with the guest's bytes. */
    static boolean isAtStartOf(MemorySegment start) {
        return VhdFooter.hasCookie(start);
    }

    static ForeignDisk open(HostFile file) throws IOException {
        long fileSizeBytes = file.sizeBytes();
        VhdFooter footer = footer(file, fileSizeBytes);
        return footer.fixed() ? fixed(file, footer, fileSizeBytes) : dynamic(file, footer, fileSizeBytes);
    }

    /**
     * The footer at the end, which no guest can write; where that is damaged, as while a block is added behind the old
     * one, a dynamic image's copy of it at the start.
     */
    private static VhdFooter footer(HostFile file, long fileSizeBytes) throws IOException {
        long endOffset = Math.max(0, fileSizeBytes - VhdFooter.BYTES);
        try {
            return Headers.parse(file, endOffset, VhdFooter.BYTES, VhdFooter::parse);
        } catch (ImageException damaged) {
            if (damaged.kind() != Kind.INVALID_FORMAT || !isAtStartOf(Headers.read(file, 0, VhdFooter.BYTES))) {
                throw damaged;
            }
        }
        VhdFooter copy = Headers.parse(file, 0, VhdFooter.BYTES, VhdFooter::parse);
        if (copy.fixed()) {
            throw ImageException.of(
                    Kind.INVALID_FORMAT, file.path(), "the VHD footer at the end of the file is damaged");
        }
        return copy;
    }

    private static ForeignDisk fixed(HostFile file, VhdFooter footer, long fileSizeBytes) throws ImageException {
        if (footer.virtualSizeBytes() > fileSizeBytes - VhdFooter.BYTES) {
            throw ImageException.of(
                    Kind.INVALID_FORMAT,
                    file.path(),
                    "the disk of " + footer.virtualSizeBytes() + " bytes does not fit before the footer at "
                            + (fileSizeBytes - VhdFooter.BYTES));
        }
        return new FlatDisk(file, 0, footer.virtualSizeBytes());
    }

    private static ForeignDisk dynamic(HostFile file, VhdFooter footer, long fileSizeBytes) throws IOException {
        if (footer.headerOffset() < 0 || footer.headerOffset() > fileSizeBytes - VhdDynamicHeader.BYTES) {
            throw ImageException.of(
                    Kind.INVALID_FORMAT,
                    file.path(),
                    "the footer has the dynamic disk header at " + Long.toUnsignedString(footer.headerOffset())
                            + ", which is not in the file of " + fileSizeBytes + " bytes");
        }
        VhdDynamicHeader header = Headers.parse(
                file,
                footer.headerOffset(),
                VhdDynamicHeader.BYTES,
                bytes -> VhdDynamicHeader.parse(bytes, footer.virtualSizeBytes(), fileSizeBytes));
        TablePages pages = new TablePages();
        return new BlockTableDisk(file, footer.virtualSizeBytes(), header.blockBytes(), block -> {
            int entry = pages.intAt(file, header.tableOffset() + block * Integer.BYTES, BigEndian.INT);
            return entry == VhdDynamicHeader.UNALLOCATED ? BlockTableDisk.HOLE : header.hostOffset(entry);
        });
    }
}
