package io.cowslip.engine.image.bitmap;

import io.cowslip.engine.ImageException;
import io.cowslip.engine.alloc.Refcounts;
import io.cowslip.engine.format.BigEndian;
import io.cowslip.engine.format.BitmapDirectory;
import io.cowslip.engine.format.Features;
import io.cowslip.engine.format.HeaderExtension;
import io.cowslip.engine.format.HeaderLayout;
import io.cowslip.engine.format.ImageHeader;
import io.cowslip.engine.host.HostFile;
import io.cowslip.engine.host.IoBuffers;
import io.cowslip.engine.image.file.HeaderReader;
import io.cowslip.engine.image.map.WriteBarrier;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.charset.StandardCharsets;

/**
 * Changes what the header says of bitmaps: the extension and its autoclear bit (qcow2 specification, "Bitmaps
 * extension"). The header is read anew each time, and nothing but these is written, so whatever else changes fields of
 * it is not disturbed; where the whole header must be, the write barrier keeps marks that were set meanwhile. Each write lies in one sector, or is of bytes that mean nothing until another one is durable, so
 * that a header torn by a power cut says what it said before or what it is to say, or at worst for a moment that there
 * are no bitmaps. Under the metadata lock.
 */
final class BitmapHeader {
    private static final int SECTOR_BYTES = 512;
    private static final int PREFIX_BYTES = 8;
    private static final int END_MARKER_BYTES = 8;

    private final HostFile file;
    private final WriteBarrier barrier;
    private final Refcounts refcounts;

    BitmapHeader(HostFile file, WriteBarrier barrier, Refcounts refcounts) {
        this.file = file;
        this.barrier = barrier;
        this.refcounts = refcounts;
    }

    /**
     * Refuses bitmaps that the header has no place for.
     *
     * @throws ImageException NO_SPACE; UNSUPPORTED_FEATURE in version 2
     */
    void requireRoom() throws IOException {
        ImageHeader header = HeaderReader.read(file);
        if (header.version() < 3) {
            throw ImageException.of(
                    ImageException.Kind.UNSUPPORTED_FEATURE,
                    file.path(),
                    "an image of version 2 cannot have bitmaps; version 3 (compat 1.1) can");
        }
        if (header.extensionOffset(HeaderExtension.BITMAPS) < 0) {
            HeaderExtension extension = new BitmapDirectory(0, 0, 0).extension();
            ImageHeader wanted = header.withBitmaps(extension);
            if (wanted.sizeBytes() > header.clusterBytes() && !fitsWithoutFeatureNames(header, extension)) {
                throw ImageException.of(
                        ImageException.Kind.NO_SPACE,
                        file.path(),
                        "the header would take " + wanted.sizeBytes()
                                + " bytes with bitmaps; it must fit in one cluster" + " of " + header.clusterBytes());
            }
        }
    }

    /** Whether the table of feature names takes the place, and the rest is one sector, which no power cut tears. */
    private static boolean fitsWithoutFeatureNames(ImageHeader header, HeaderExtension extension) {
        return header.withoutFeatureNames().withBitmaps(extension).sizeBytes() <= SECTOR_BYTES;
    }

    /**
     * The header as it is before a change.
     *
     * @param backingNameOffset where the backing file's name lies, if there is one
     */
    record Now(ImageHeader header, long backingNameOffset) {}

    /** All that a change needs to know: a host that refuses to read it has changed nothing. */
    Now now() throws IOException {
        ImageHeader header = HeaderReader.read(file);
        return new Now(header, header.backingName() == null ? 0 : field(HeaderLayout.BACKING_NAME_OFFSET));
    }

    /** Leads to {@code directory}, which is durable; returns once that is durable as well. */
    void lead(Now now, BitmapDirectory directory) throws IOException {
        ImageHeader header = now.header;
        MemorySegment data = directory.extension().data();
        int offset = header.extensionOffset(HeaderExtension.BITMAPS);
        if (offset < 0) {
            add(now, directory.extension());
            setAutoclear(header, true);
        } else if ((header.features().autoclear() & Features.BITMAPS) != 0
                && isOneStep(header, offset + PREFIX_BYTES, directory)) {
            write(offset + PREFIX_BYTES, data);
        } else {
            setAutoclear(header, false);
            write(offset + PREFIX_BYTES, data);
            setAutoclear(header, true);
        }
    }

    private boolean isOneStep(ImageHeader header, int offset, BitmapDirectory directory) throws IOException {
        if (offset / SECTOR_BYTES == (offset + BitmapDirectory.EXTENSION_BYTES - 1) / SECTOR_BYTES) {
            return true;
        }
        // Only the count, which stays, is before the sector's end.
        BitmapDirectory now = header.bitmapDirectory(file.sizeBytes());
        boolean countAlone = offset / SECTOR_BYTES == (offset + Long.BYTES - 1) / SECTOR_BYTES
                && (offset + Long.BYTES) % SECTOR_BYTES == 0;
        return countAlone && now != null && now.count() == directory.count();
    }

    /** Puts an extension behind the last one. */
    private void add(Now now, HeaderExtension extension) throws IOException {
        ImageHeader header = now.header;
        ImageHeader wanted = header.withBitmaps(extension);
        if (wanted.sizeBytes() > header.clusterBytes() && fitsWithoutFeatureNames(header, extension)) {
            ImageHeader shorter = header.withoutFeatureNames().withBitmaps(extension);
            write(0, MemorySegment.ofArray(shorter.toBytes()));
            return;
        }
        byte[] whole = wanted.toBytes();
        int offset = wanted.extensionOffset(HeaderExtension.BITMAPS);
        int end = offset + PREFIX_BYTES + BitmapDirectory.EXTENSION_BYTES + END_MARKER_BYTES;
        if (header.backingName() != null && !makeRoom(now, end)) {
            writeWhole(whole);
            return;
        }
        MemorySegment all = MemorySegment.ofArray(whole);
        write(offset + PREFIX_BYTES, all.asSlice(offset + PREFIX_BYTES, end - offset - PREFIX_BYTES));
        write(offset, all.asSlice(offset, PREFIX_BYTES));
    }

    /** Moves the backing file's name behind {@code end}, by way of a copy; false where there is no place for both. */
    private boolean makeRoom(Now now, int end) throws IOException {
        byte[] name = String.valueOf(now.header.backingName()).getBytes(StandardCharsets.UTF_8);
        long nameOffset = now.backingNameOffset;
        if (nameOffset >= end) {
            return true;
        }
        long free = Math.max(end, nameOffset + name.length);
        if (free + name.length > Math.min(now.header.clusterBytes(), HeaderLayout.MAX_BYTES_READ)) {
            return false;
        }
        write(free, MemorySegment.ofArray(name));
        MemorySegment offset = MemorySegment.ofArray(new byte[Long.BYTES]);
        offset.set(BigEndian.LONG, 0, free);
        write(HeaderLayout.BACKING_NAME_OFFSET, offset);
        return true;
    }

    /** Says that there are no bitmaps; returns once that is durable. */
    void removeAll(Now now) throws IOException {
        ImageHeader header = now.header;
        setAutoclear(header, false);
        int offset = header.extensionOffset(HeaderExtension.BITMAPS);
        if (offset >= 0 && header.extensions().getLast().type() == HeaderExtension.BITMAPS) {
            write(offset, MemorySegment.ofArray(new byte[END_MARKER_BYTES]));
        } else if (offset >= 0) {
            writeWhole(header.withoutBitmaps().toBytes());
        }
    }

    private void setAutoclear(ImageHeader header, boolean bitmaps) throws IOException {
        long now = header.features().autoclear();
        MemorySegment field = MemorySegment.ofArray(new byte[Long.BYTES]);
        field.set(BigEndian.LONG, 0, bitmaps ? now | Features.BITMAPS : now & ~Features.BITMAPS);
        write(HeaderLayout.AUTOCLEAR_FEATURES, field);
    }

    private long field(int offset) throws IOException {
        try (IoBuffers.Loan loan = IoBuffers.borrow(Long.BYTES)) {
            MemorySegment field = loan.segment(Long.BYTES);
            file.readWhole("header", offset, field);
            return field.get(BigEndian.LONG, 0);
        }
    }

    private void writeWhole(byte[] header) throws IOException {
        try (IoBuffers.Loan loan = IoBuffers.borrow(header.length)) {
            barrier.writeHeader(loan.segment(header.length).copyFrom(MemorySegment.ofArray(header)));
            barrier.commit(refcounts);
        }
    }

    private void write(long hostOffset, MemorySegment bytes) throws IOException {
        try (IoBuffers.Loan loan = IoBuffers.borrow(bytes.byteSize())) {
            MemorySegment copy = loan.segment(bytes.byteSize()).copyFrom(bytes);
            barrier.tableWritten();
            file.write(hostOffset, copy);
            barrier.commit(refcounts);
        }
    }
}
