package io.cowslip.engine.image.scrub;

import io.cowslip.engine.ImageException;
import io.cowslip.engine.host.IoBuffers;
import io.cowslip.engine.image.layer.ImageLayer;
import io.cowslip.engine.image.map.GuestExtent;
import io.cowslip.engine.image.options.ImageFormat;
import io.cowslip.engine.image.scrub.ScrubFinding.Kind;
import io.cowslip.engine.image.scrub.ScrubTally.Owner;
import io.cowslip.engine.image.scrub.ScrubTally.Place;
import java.io.IOException;
import org.jspecify.annotations.Nullable;

/** The scrub of a layer without clusters of ours: a raw file, or a disk in another hypervisor's format. */
final class PlainScrub implements LayerScrub {
    /** What cannot be read is told in pieces of this. */
    private static final int PIECE_BYTES = 64 << 10;

    /** How many runs of zeros a step goes past. */
    private static final int MOST_RUNS = 1024;

    private final int depth;
    private final ScrubTally tally;
    private long position;
    private long diskBytes;

    /** @param diskBytes size of the layer's disk */
    PlainScrub(int depth, long diskBytes, ScrubTally tally) {
        this.depth = depth;
        this.diskBytes = diskBytes;
        this.tally = tally;
    }

    @Override
    public boolean step(ImageLayer layer, long snapshotChanges, long bytes) throws IOException {
        diskBytes = layer.virtualSizeBytes();
        long left = bytes;
        for (int runs = 0; left > 0 && runs < MOST_RUNS && position < diskBytes; runs++) {
            left -= next(layer, Math.min(left, READ_BYTES));
        }
        return position < diskBytes;
    }

    /** Goes on by one run, and says how much was read. */
    private long next(ImageLayer layer, long mostBytes) throws IOException {
        GuestExtent extent;
        try {
            extent = layer.extentAt(position, diskBytes - position);
        } catch (ImageException failure) {
            long length = Math.min(PIECE_BYTES, diskBytes - position);
            found(layer, Kind.UNREADABLE_TABLE, length, requireOfImage(failure));
            position += length;
            return length;
        }
        if (extent.zero()) {
            position += extent.length();
            return 0;
        }
        long length = Math.min(extent.length(), mostBytes);
        read(layer, length);
        return length;
    }

    private void read(ImageLayer layer, long length) throws IOException {
        if (tryRead(layer, length) == null) {
            tally.read(0, length);
            position += length;
            return;
        }
        long end = position + length;
        while (position < end) {
            long piece = Math.min(end, (position / PIECE_BYTES + 1) * PIECE_BYTES) - position;
            ImageException failure = tryRead(layer, piece);
            if (failure == null) {
                tally.read(0, piece);
            } else {
                found(
                        layer,
                        failure.kind() == ImageException.Kind.IO ? Kind.UNREADABLE : Kind.UNDECODABLE,
                        piece,
                        failure);
            }
            position += piece;
        }
    }

    /** Reads from the position on; returns why that cannot be, or null. */
    private @Nullable ImageException tryRead(ImageLayer layer, long length) throws IOException {
        try (IoBuffers.Loan loan = IoBuffers.borrow(length)) {
            layer.read(position, loan.segment(length));
            return null;
        } catch (ImageException failure) {
            return requireOfImage(failure);
        }
    }

    /** What the file or its host is to blame for is found; anything else stops the scrub. */
    static ImageException requireOfImage(ImageException failure) throws ImageException {
        return switch (failure.kind()) {
            case IO, CORRUPT, INVALID_FORMAT -> failure;
            default -> throw failure;
        };
    }

    private void found(ImageLayer layer, Kind kind, long length, ImageException failure) {
        long hostOffset = layer.format() == ImageFormat.RAW ? position : -1;
        tally.found(
                new Place(depth, position, 0),
                Owner.ACTIVE,
                kind,
                layer.file().path(),
                length,
                hostOffset,
                String.valueOf(failure.getMessage()));
    }

    @Override
    public long doneBytes() {
        return position;
    }

    @Override
    public long totalBytes() {
        return diskBytes;
    }
}
