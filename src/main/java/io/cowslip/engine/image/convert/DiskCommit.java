package io.cowslip.engine.image.convert;

import io.cowslip.engine.ImageException;
import io.cowslip.engine.host.IoBuffers;
import io.cowslip.engine.image.DiskImage;
import io.cowslip.engine.image.ImageInfo;
import io.cowslip.engine.image.file.ImageEnvironment;
import io.cowslip.engine.image.layer.ImageLayer;
import io.cowslip.engine.image.layer.Qcow2Layer;
import io.cowslip.engine.image.map.MappedExtent;
import io.cowslip.engine.image.options.ImageOptions;
import io.cowslip.engine.image.options.Preallocation;
import io.cowslip.engine.image.options.WriteOptions;
import io.cowslip.engine.work.DiskPieces;
import io.cowslip.engine.work.WorkObserver;
import io.cowslip.engine.work.WorkThreads;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.List;

/**
 * Writes what an image and the layers between have of a disk into a file further down its chain, so that this reads like
 * the image; then lets go of it in the image, unless that is to keep it. The base has everything durably before the image
 * loses anything: at any moment the image reads as before. On all cores.
 */
public final class DiskCommit {
    private static final int RAW_UNIT_BYTES = 64 << 10;

    private final DiskImage base;
    private final ImageLayer top;
    private final int depth;
    private final WorkThreads threads;
    private final UnitWriter writer;

    private DiskCommit(DiskImage base, ImageLayer top, int depth, WorkObserver observer) throws IOException {
        this.base = base;
        this.top = top;
        this.depth = depth;
        this.threads = new WorkThreads(observer);
        int clusterBytes = base.reading(ImageLayer::clusterBytes);
        this.writer = new UnitWriter(base, clusterBytes == 0 ? RAW_UNIT_BYTES : clusterBytes, UnitWriter.Zeros.ZEROED);
    }

    /**
     * Commits {@code file}, durable when this returns. A base that is smaller gets the image's size first.
     *
     * @param options how the image is opened, with those of the layers below it
     * @param depth how far down the chain the base is: 1 is the image's backing file
     * @param keep whether the image keeps what it has; it must where layers are in between, which need not fit the base
     *     any more
     * @param observer told of the bytes of the disk that are dealt with; who stops it leaves a base that has some of it
     * @throws ImageException as {@link DiskImage#open} and {@link DiskImage#resize}; INVALID_OPTION when the image has no
     *     such base
     */
    public static void commit(
            Path file,
            ImageOptions options,
            int depth,
            boolean keep,
            WorkObserver observer,
            ImageEnvironment environment)
            throws IOException {
        List<ImageInfo> chain = ImageInfo.chain(file, environment);
        if (depth < 1 || depth >= chain.size()) {
            throw ImageException.invalidOption("base", file, "the image has no backing file to commit to");
        }
        ImageOptions baseOptions = baseOptions(options, chain, depth);
        try (DiskImage base = DiskImage.open(chain.get(depth).file(), baseOptions, environment)) {
            ImageOptions above = options.withReadOnly(keep).withWrites(WriteOptions.DEFAULTS);
            try (Layers layers = new Layers(base.openAbove(file, above), depth)) {
                new DiskCommit(base, layers.top, depth, observer).commit();
                if (!keep && layers.top instanceof Qcow2Layer image) {
                    image.empty();
                }
            }
        }
    }

    private static ImageOptions baseOptions(ImageOptions options, List<ImageInfo> chain, int depth)
            throws ImageException {
        ImageOptions wish = options;
        for (int layer = 0; layer < depth; layer++) {
            wish = wish.below();
        }
        if (wish.format() == null && chain.get(depth - 1).backingFormat() == null) {
            throw ImageException.invalidOption(
                    "backing",
                    "no header says which format the base has; give \"backing\": {\"format\": …} (guessing would let a"
                            + " guest choose)");
        }
        ImageOptions formatted =
                wish.format() == null ? wish.withFormat(chain.get(depth).format()) : wish;
        return formatted.withReadOnly(false).withWrites(WriteOptions.DEFAULTS);
    }

    /** The layers above the base, which close before it. */
    private record Layers(ImageLayer top, int count) implements AutoCloseable {
        @Override
        public void close() throws IOException {
            IOException first = null;
            ImageLayer layer = top;
            for (int index = 0; index < count && layer != null; index++) {
                ImageLayer below = layer.backing();
                try {
                    layer.close();
                } catch (IOException failure) {
                    if (first == null) {
                        first = failure;
                    } else {
                        first.addSuppressed(failure);
                    }
                }
                layer = below;
            }
            if (first != null) {
                throw first;
            }
        }
    }

    private void commit() throws IOException {
        if (base.virtualSizeBytes() < top.virtualSizeBytes()) {
            base.resize(top.virtualSizeBytes(), false, Preallocation.OFF);
        }
        DiskPieces pieces = DiskPieces.of(top.virtualSizeBytes());
        threads.expect(pieces.sizeBytes());
        threads.run(pieces.count(), index -> commitPiece(pieces.start(index), pieces.end(index)));
        base.flush();
        threads.report();
    }

    private void commitPiece(long start, long end) throws IOException {
        long position = start;
        while (position < end) {
            long from = position;
            long most = Math.min(end - position, DiskPieces.CHUNK_BYTES);
            MappedExtent extent = base.reading(layer -> top.mapAt(from, most));
            // Where a layer in between ends, the disk reads as zeros, whatever the base has there.
            if (extent.depth() < depth) {
                commitRun(extent);
            }
            position += extent.length();
            threads.done(extent.length());
        }
    }

    private void commitRun(MappedExtent extent) throws IOException {
        if (extent.zero()) {
            base.zero(extent.start(), extent.length());
            return;
        }
        try (IoBuffers.Loan loan = IoBuffers.borrow(extent.length())) {
            MemorySegment bytes = loan.segment(extent.length());
            base.reading(layer -> {
                top.read(extent.start(), bytes);
                return true;
            });
            writer.put(extent.start(), bytes, null);
        }
    }
}
