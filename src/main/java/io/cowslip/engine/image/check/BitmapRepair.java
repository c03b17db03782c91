package io.cowslip.engine.image.check;

import io.cowslip.engine.format.BigEndian;
import io.cowslip.engine.format.BitmapDirectory;
import io.cowslip.engine.format.Features;
import io.cowslip.engine.format.HeaderExtension;
import io.cowslip.engine.format.HeaderLayout;
import io.cowslip.engine.format.ImageHeader;
import io.cowslip.engine.host.IoBuffers;
import io.cowslip.engine.work.WorkObserver;
import io.cowslip.engine.work.WorkThreads;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
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

    private final RepairFile target;
    private final ImageHeader header;
    private final CheckRun found;
    private final MetadataFile file;
    private final L2EntryRules rules;

    BitmapRepair(RepairFile target, ImageHeader header, CheckRun found) {
        this.target = target;
        this.header = header;
        this.found = found;
        this.file = new MetadataFile(target.file(), new WorkThreads(WorkObserver.NONE));
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
        boolean shared = found.isShared(bitmap.tableOffset(), lengthBytes);
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

    private void replaceDirectory(List<BitmapDirectoryReader.Entry> kept) throws IOException {
        if (kept.isEmpty()) {
            long autoclear = header.features().autoclear() & ~Features.BITMAPS;
            target.writeLong(HeaderLayout.AUTOCLEAR_FEATURES, autoclear);
            target.sync();
            return;
        }
        byte[] entries = entries(kept);
        long hostOffset = target.end(found);
        target.writeClusters(hostOffset, entries, header.geometry());
        target.sync();
        writeExtension(new BitmapDirectory(hostOffset, entries.length, kept.size()));
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

    private void writeExtension(BitmapDirectory directory) throws IOException {
        try (IoBuffers.Loan loan = IoBuffers.borrow(BitmapDirectory.EXTENSION_BYTES)) {
            MemorySegment extension = loan.segment(BitmapDirectory.EXTENSION_BYTES);
            extension.copyFrom(directory.extension().data());
            target.write(header.extensionOffset(HeaderExtension.BITMAPS) + EXTENSION_PREFIX_BYTES, extension);
        }
    }
}
