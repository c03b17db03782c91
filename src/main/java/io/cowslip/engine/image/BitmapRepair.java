package io.cowslip.engine.image;

import io.cowslip.engine.format.BigEndian;
import io.cowslip.engine.format.Features;
import io.cowslip.engine.format.HeaderExtension;
import io.cowslip.engine.format.HeaderLayout;
import io.cowslip.engine.format.ImageGeometry;
import io.cowslip.engine.format.ImageHeader;
import io.cowslip.engine.host.IoBuffers;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.List;

/**
 * Makes the bitmaps say only what they may. A piece of a bitmap that is lost becomes all ones: whoever copies what
 * changed then copies too much rather than too little. A bitmap whose table is lost is dropped; where entries must go, a
 * new directory is written behind everything else before the header tells of it.
 */
final class BitmapRepair {
    private static final long ALL_ONES = 1;
    private static final int EXTENSION_PREFIX_BYTES = 8;
    private static final int EXTENSION_BYTES = 24;

    private final RepairFile target;
    private final ImageHeader header;
    private final ImageGeometry geometry;
    private final CheckRun found;
    private final MetadataFile file;
    private final L2EntryRules rules;

    BitmapRepair(RepairFile target, ImageHeader header, CheckRun found) {
        this.target = target;
        this.header = header;
        this.geometry = header.geometry();
        this.found = found;
        this.file = new MetadataFile(target.file(), new CheckThreads(CheckObserver.NONE));
        this.rules = found.rules();
    }

    void repair() throws IOException {
        BitmapDirectoryReader.Result directory = BitmapDirectoryReader.read(file, header);
        if (directory == null) {
            return;
        }
        List<BitmapDirectoryReader.Entry> kept = new ArrayList<>();
        for (BitmapDirectoryReader.Entry bitmap : directory.entries()) {
            if (isKept(bitmap)) {
                kept.add(bitmap);
            }
        }
        if (directory.fault() != null || kept.size() < directory.entries().size()) {
            replaceDirectory(kept);
        }
    }

    /** Repairs a bitmap's table; false where it is lost. */
    private boolean isKept(BitmapDirectoryReader.Entry bitmap) throws IOException {
        long lengthBytes = bitmap.tableEntries() * Long.BYTES;
        if (rules.isOutside(bitmap.tableOffset(), lengthBytes)) {
            return false;
        }
        boolean shared = isShared(bitmap.tableOffset(), lengthBytes);
        boolean[] lost = new boolean[1];
        file.readPieces(bitmap.tableOffset(), lengthBytes, (firstByte, piece) -> {
            for (long position = 0; position < piece.byteSize(); position += Long.BYTES) {
                if (CheckRun.bitmapEntryFault(piece.get(BigEndian.LONG, position), rules) != null) {
                    lost[0] |= shared;
                    if (!shared) {
                        target.writeLong(bitmap.tableOffset() + firstByte + position, ALL_ONES);
                    }
                }
            }
        });
        return !lost[0];
    }

    private boolean isShared(long tableOffset, long lengthBytes) {
        long end = geometry.roundUpToCluster(tableOffset + lengthBytes) >>> geometry.clusterBits();
        for (long cluster = tableOffset >>> geometry.clusterBits(); cluster < end; cluster++) {
            if (found.references().get(cluster) > 1) {
                return true;
            }
        }
        return false;
    }

    private void replaceDirectory(List<BitmapDirectoryReader.Entry> kept) throws IOException {
        if (kept.isEmpty()) {
            long autoclear = header.features().autoclear() & ~Features.BITMAPS;
            target.writeLong(HeaderLayout.AUTOCLEAR_FEATURES, autoclear);
            target.sync();
            return;
        }
        byte[] entries = entries(kept);
        long hostOffset = target.end(found);
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment clusters = arena.allocate(geometry.roundUpToCluster(entries.length));
            MemorySegment.copy(MemorySegment.ofArray(entries), 0, clusters, 0, entries.length);
            target.write(hostOffset, clusters);
        }
        target.sync();
        writeExtension(kept.size(), entries.length, hostOffset);
        target.sync();
    }

    private byte[] entries(List<BitmapDirectoryReader.Entry> kept) throws IOException {
        ByteArrayOutputStream entries = new ByteArrayOutputStream();
        for (BitmapDirectoryReader.Entry bitmap : kept) {
            try (IoBuffers.Loan loan = IoBuffers.borrow(bitmap.lengthBytes())) {
                MemorySegment entry = loan.segment(bitmap.lengthBytes());
                file.read(bitmap.hostOffset(), entry);
                entries.writeBytes(entry.toArray(ValueLayout.JAVA_BYTE));
                entries.writeBytes(new byte[-entries.size() & 7]);
            }
        }
        return entries.toByteArray();
    }

    private void writeExtension(int count, long lengthBytes, long hostOffset) throws IOException {
        try (IoBuffers.Loan loan = IoBuffers.borrow(EXTENSION_BYTES)) {
            MemorySegment extension = loan.segment(EXTENSION_BYTES).fill((byte) 0);
            extension.set(BigEndian.INT, 0, count);
            extension.set(BigEndian.LONG, 8, lengthBytes);
            extension.set(BigEndian.LONG, 16, hostOffset);
            target.write(extensionOffset(), extension);
        }
    }

    private long extensionOffset() {
        long offset = header.headerLength();
        for (HeaderExtension extension : header.extensions()) {
            if (extension.type() == HeaderExtension.BITMAPS) {
                return offset + EXTENSION_PREFIX_BYTES;
            }
            offset += EXTENSION_PREFIX_BYTES + (extension.data().byteSize() + 7 & -8);
        }
        throw new IllegalStateException("the header has no bitmaps");
    }
}
