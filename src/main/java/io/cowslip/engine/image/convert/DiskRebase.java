package io.cowslip.engine.image.convert;

import io.cowslip.engine.ImageException;
import io.cowslip.engine.ImageException.Kind;
import io.cowslip.engine.format.ImageHeader;
import io.cowslip.engine.host.HostFile;
import io.cowslip.engine.host.HostFiles;
import io.cowslip.engine.host.IoBuffers;
import io.cowslip.engine.image.BackingOptions;
import io.cowslip.engine.image.DiskImage;
import io.cowslip.engine.image.file.FileReferences;
import io.cowslip.engine.image.file.HeaderReader;
import io.cowslip.engine.image.file.ImageEnvironment;
import io.cowslip.engine.image.layer.ImageLayer;
import io.cowslip.engine.image.options.AmendOptions;
import io.cowslip.engine.image.options.ImageOptions;
import io.cowslip.engine.image.options.WriteOptions;
import io.cowslip.engine.work.DiskPieces;
import io.cowslip.engine.work.WorkObserver;
import io.cowslip.engine.work.WorkThreads;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import org.jspecify.annotations.Nullable;

/**
 * Gives an image another backing file, or none, so that its disk reads as before: what the image has nothing of and the
 * old chain and the new one read differently is copied into it, in whole clusters, and then the header is changed in one
 * write. Until then every cluster that is written holds what the disk reads there anyhow, so that a crash, a failure or
 * who stops it leaves an image that names the old backing file and reads the same. On all cores.
 */
public final class DiskRebase {
    private final @Nullable DiskImage old;
    private final DiskImage image;
    private final WorkThreads threads;
    private final UnitWriter writer;

    /**
     * @param old the chain below the image until now; null: none
     * @param image opened over the new chain
     */
    private DiskRebase(@Nullable DiskImage old, DiskImage image, int version, WorkObserver observer)
            throws IOException {
        this.old = old;
        this.image = image;
        this.threads = new WorkThreads(observer);
        // Version 2 zeroes in pieces of clusters, and fills what is left of a cluster with what the new chain has
        // there.
        this.writer = new UnitWriter(
                image,
                image.reading(ImageLayer::unitBytes),
                version == 2 ? UnitWriter.Zeros.WRITTEN : UnitWriter.Zeros.ZEROED);
    }

    /**
     * The new backing file.
     *
     * @param name as the header is to name it
     * @param options how it is opened; with its format, which the header is to name as well
     */
    public record Backing(String name, ImageOptions options) {}

    /**
     * Rebases {@code file}, durable when this returns.
     *
     * @param options how the image is opened, with those of the layers that are below it now
     * @param backing the new backing file; null: none
     * @param observer told of the bytes of the disk that are dealt with
     * @throws ImageException as {@link DiskImage#open} and {@link HeaderAmender#amend}
     */
    public static void rebase(
            Path file,
            ImageOptions options,
            @Nullable Backing backing,
            WorkObserver observer,
            ImageEnvironment environment)
            throws IOException {
        AmendOptions amendment = amendment(backing);
        HeaderAmender.requirePossible(file, amendment, environment);
        copy(file, options, backing, observer, environment);
        HeaderAmender.amend(file, amendment, WorkObserver.NONE, environment);
    }

    /** What changes the header alone, as {@code qemu-img rebase -u} does. */
    public static AmendOptions amendment(@Nullable Backing backing) {
        return backing == null
                ? new AmendOptions(null, null, null, "", null)
                : new AmendOptions(null, null, null, backing.name, backing.options.format());
    }

    private static void copy(
            Path file,
            ImageOptions options,
            @Nullable Backing backing,
            WorkObserver observer,
            ImageEnvironment environment)
            throws IOException {
        ImageHeader header = header(file, environment);
        Path below = backing == null
                ? null
                : environment.references().resolveGiven(file, backing.name, FileReferences.Role.BACKING_FILE);
        ImageOptions over = options.withReadOnly(false)
                .withWrites(WriteOptions.DEFAULTS)
                .withBacking(backing == null ? null : backing.options);
        try (DiskImage old = openOld(file, header, options, environment);
                DiskImage image = DiskImage.openOver(file, below, over, environment)) {
            new DiskRebase(old, image, header.version(), observer).copy();
            image.flush();
        }
    }

    private static ImageHeader header(Path file, ImageEnvironment environment) throws IOException {
        try (HostFile opened = environment.files().open(file, HostFiles.Mode.READ)) {
            return HeaderReader.read(opened);
        }
    }

    private static @Nullable DiskImage openOld(
            Path file, ImageHeader header, ImageOptions options, ImageEnvironment environment) throws IOException {
        String name = header.backingName();
        if (name == null) {
            return null;
        }
        ImageOptions below = BackingOptions.of(header, options).withReadOnly(true);
        try {
            return DiskImage.open(
                    environment.references().resolve(file, name, FileReferences.Role.BACKING_FILE), below, environment);
        } catch (ImageException missing) {
            if (missing.kind() == Kind.NOT_FOUND) {
                throw ImageException.of(
                                Kind.NOT_FOUND,
                                "the backing file \"" + name + "\" is not there, so that nobody knows how the disk"
                                        + " reads; \"unsafe\": true changes the name without a look")
                        .causedBy(missing);
            }
            throw missing;
        }
    }

    private void copy() throws IOException {
        DiskPieces pieces = DiskPieces.of(image.virtualSizeBytes());
        threads.expect(pieces.sizeBytes());
        threads.run(pieces.count(), index -> copyPiece(pieces.start(index), pieces.end(index)));
        threads.report();
    }

    private void copyPiece(long start, long end) throws IOException {
        long position = start;
        while (position < end) {
            long from = position;
            long most = Math.min(end - position, DiskPieces.CHUNK_BYTES);
            ImageLayer.OwnRun run = image.reading(layer -> layer.ownRunAt(from, most));
            if (!run.own()) {
                copyRun(position, position + run.lengthBytes());
            }
            position += run.lengthBytes();
            threads.done(run.lengthBytes());
        }
    }

    /** Of a run of whole units that the image has nothing of. */
    private void copyRun(long start, long end) throws IOException {
        long length = end - start;
        boolean zeroNow = image.reading(layer -> layer.readsAsZeros(start, length));
        boolean zeroBefore = old == null || old.reading(layer -> layer.readsAsZeros(start, length));
        if (zeroNow && zeroBefore) {
            return;
        }
        try (IoBuffers.Loan wantedLoan = IoBuffers.borrow(length);
                IoBuffers.Loan presentLoan = IoBuffers.borrow(length)) {
            MemorySegment wanted = wantedLoan.segment(length);
            MemorySegment present = presentLoan.segment(length);
            readOld(start, wanted, zeroBefore);
            image.read(start, present);
            writer.put(start, wanted, present);
        }
    }

    private void readOld(long start, MemorySegment into, boolean zero) throws IOException {
        if (old == null || zero) {
            into.fill((byte) 0);
        } else {
            old.reading(layer -> {
                layer.readPadded(start, into);
                return true;
            });
        }
    }
}
