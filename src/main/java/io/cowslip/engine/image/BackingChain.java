package io.cowslip.engine.image;

import io.cowslip.engine.ImageException;
import io.cowslip.engine.ImageException.Kind;
import io.cowslip.engine.alloc.InFlightRequests;
import io.cowslip.engine.codec.ClusterCipher;
import io.cowslip.engine.format.ImageHeader;
import io.cowslip.engine.host.FileIdentity;
import io.cowslip.engine.host.HostFile;
import io.cowslip.engine.host.HostFiles;
import io.cowslip.engine.host.ImageLock;
import io.cowslip.engine.image.check.CheckReport;
import io.cowslip.engine.image.check.ImageCheck;
import io.cowslip.engine.image.check.ImageRepair;
import io.cowslip.engine.image.encryption.EncryptedData;
import io.cowslip.engine.image.encryption.Encryption;
import io.cowslip.engine.image.file.FileReferences;
import io.cowslip.engine.image.file.FileReferences.Role;
import io.cowslip.engine.image.file.FormatProbe;
import io.cowslip.engine.image.file.HeaderReader;
import io.cowslip.engine.image.file.ImageEnvironment;
import io.cowslip.engine.image.layer.ForeignLayer;
import io.cowslip.engine.image.layer.ImageLayer;
import io.cowslip.engine.image.layer.Qcow2Layer;
import io.cowslip.engine.image.layer.RawLayer;
import io.cowslip.engine.image.map.DataStore;
import io.cowslip.engine.image.options.ImageFormat;
import io.cowslip.engine.image.options.ImageOptions;
import io.cowslip.engine.image.snapshot.SnapshotReader;
import io.cowslip.engine.work.WorkObserver;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * Opens an image with all the files below it: from the top down by the names in the headers, each file locked before
 * it is read, then layers from the bottom up. Names loop nowhere and lead nowhere that {@link FileReferences} forbids.
 */
public final class BackingChain {
    /** More layers than anybody builds on purpose; each costs a look at its map. */
    static final int MAX_LAYERS = 200;

    private final ImageEnvironment environment;
    private final InFlightRequests requests;

    /** The top file where somebody here has it open and locked already, and reads what that one does not change. */
    private final @Nullable FileIdentity guarded;

    private final List<OpenedFile> opened = new ArrayList<>();
    private final Set<FileIdentity> seen = new HashSet<>();

    private BackingChain(ImageEnvironment environment, InFlightRequests requests, @Nullable FileIdentity guarded) {
        this.environment = environment;
        this.requests = requests;
        this.guarded = guarded;
    }

    /**
     * A locked file, with what was found in it.
     *
     * @param header null unless it is qcow2
     * @param dataFile the locked file that has its data, if there is one
     * @param foreign null unless it is in another hypervisor's format
     */
    private record OpenedFile(
            HostFile file,
            @Nullable ImageHeader header,
            @Nullable HostFile dataFile,
            @Nullable ForeignLayer foreign,
            ImageOptions options) {

        static OpenedFile plain(HostFile file, ImageOptions options) {
            return new OpenedFile(file, null, null, null, options);
        }
    }

    /** Opens the chain under {@code file}; on failure nothing stays open. */
    static ImageLayer open(Path file, ImageOptions options, ImageEnvironment environment, InFlightRequests requests)
            throws IOException {
        BackingChain chain = new BackingChain(environment, requests, null);
        return chain.openAll(() -> chain.openFiles(file, options, null), null);
    }

    /**
     * The same for a snapshot of an image that is open: its own file is read by another descriptor and not locked, which
     * the open one's lock would refuse. The caller sees to it that the snapshot stays.
     *
     * @param guarded the open image's file
     */
    static ImageLayer openSnapshot(
            Path file,
            FileIdentity guarded,
            ImageOptions options,
            ImageEnvironment environment,
            InFlightRequests requests)
            throws IOException {
        BackingChain chain = new BackingChain(environment, requests, guarded);
        return chain.openAll(() -> chain.openFiles(file, options, null), null);
    }

    /** Opens {@code file} upon another chain than its header names, that of {@code backing}; null: upon nothing. */
    static ImageLayer openOver(
            Path file,
            @Nullable Path backing,
            ImageOptions options,
            ImageEnvironment environment,
            InFlightRequests requests)
            throws IOException {
        BackingChain chain = new BackingChain(environment, requests, null);
        return chain.openAll(
                () -> {
                    chain.openFile(file, options, !options.readOnly());
                    if (backing != null) {
                        chain.openFiles(backing, options.below(), null);
                    }
                },
                null);
    }

    /**
     * Opens {@code file} and the layers between it and {@code base}, which is open and stays so when this fails.
     *
     * @throws ImageException INVALID_OPTION naming {@code base} when that is not below the file
     */
    static ImageLayer openAbove(
            Path file, ImageLayer base, ImageOptions options, ImageEnvironment environment, InFlightRequests requests)
            throws IOException {
        BackingChain chain = new BackingChain(environment, requests, null);
        return chain.openAll(() -> chain.openFiles(file, options, base), base);
    }

    /** Opens only the top file of {@code old} anew, for reading or writing, upon the layers that are open below it. */
    static ImageLayer openTop(
            HostFile file,
            ImageOptions options,
            ImageLayer old,
            ImageEnvironment environment,
            InFlightRequests requests)
            throws IOException {
        BackingChain chain = new BackingChain(environment, requests, null);
        OpenedFile opened = chain.examine(file, options, !options.readOnly());
        try {
            HostFile data = opened.dataFile == null ? file : opened.dataFile;
            if (!data.identity().equals(old.dataFile().identity())) {
                throw ImageException.of(
                        Kind.BUSY, data.path(), "the data file was replaced since the image was opened; open it anew");
            }
            return chain.newLayer(opened, old.backing(), cipherOf(old));
        } catch (IOException | RuntimeException | Error failure) {
            if (opened.dataFile != null) {
                close(opened.dataFile::close, failure);
            }
            throw failure;
        }
    }

    /** What an open image was unlocked with: its passphrase is not kept. */
    private static @Nullable ClusterCipher cipherOf(ImageLayer layer) {
        EncryptedData encrypted =
                layer instanceof Qcow2Layer qcow2 ? qcow2.data().encrypted() : null;
        return encrypted == null ? null : encrypted.copyOfCipher();
    }

    @FunctionalInterface
    private interface Opening {
        void open() throws IOException;
    }

    /** @param bottom upon which the files opened make layers, or null */
    private ImageLayer openAll(Opening opening, @Nullable ImageLayer bottom) throws IOException {
        ImageLayer layer = bottom;
        try {
            opening.open();
            for (OpenedFile next : opened.reversed()) {
                layer = newLayer(next, layer, cipher(next));
            }
            return java.util.Objects.requireNonNull(layer);
        } catch (IOException | RuntimeException | Error failure) {
            closeQuietly(layer, bottom, failure);
            throw failure;
        }
    }

    /** @param base where to stop; null: at the chain's end */
    private void openFiles(Path file, ImageOptions topOptions, @Nullable ImageLayer base) throws IOException {
        Path path = file;
        ImageOptions options = topOptions;
        while (true) {
            boolean writable = opened.isEmpty() && !topOptions.readOnly();
            OpenedFile layer = openFile(path, options, writable);
            ImageHeader header = layer.header;
            String backingName = header == null ? null : header.backingName();
            if (header == null || backingName == null) {
                refuseOptionsForNothing(options);
                requireNoBase(base);
                return;
            }
            options = backingOptions(header, options);
            path = environment.references().resolve(path, backingName, Role.BACKING_FILE);
            if (base != null && isFileOf(base, path)) {
                return;
            }
        }
    }

    private static void requireNoBase(@Nullable ImageLayer base) throws ImageException {
        if (base != null) {
            throw ImageException.invalidOption(
                    "base", base.file().path(), "base names a file that is not below the image");
        }
    }

    private boolean isFileOf(ImageLayer layer, Path path) throws IOException {
        try (HostFile file = environment.files().open(path, HostFiles.Mode.READ)) {
            return file.identity().equals(layer.file().identity());
        }
    }

    private OpenedFile openFile(Path path, ImageOptions options, boolean writable) throws IOException {
        if (opened.size() == MAX_LAYERS) {
            throw ImageException.of(
                    Kind.UNSUPPORTED_FEATURE, path, "the backing chain is longer than " + MAX_LAYERS + " files");
        }
        HostFile file = environment
                .files()
                .open(path, writable ? HostFiles.Mode.READ_WRITE : HostFiles.Mode.READ, options.pageCache());
        // In the list from the first moment, so that a failure closes it.
        opened.add(OpenedFile.plain(file, options));
        if (!seen.add(file.identity())) {
            throw ImageException.of(Kind.INVALID_FORMAT, path, "the backing chain comes back to this file");
        }
        if (opened.size() == 1 && guarded != null) {
            requireSame(file, guarded);
        } else {
            file.lock(writable ? ImageLock.WRITER : ImageLock.READER);
        }
        OpenedFile examined = examine(file, options, writable);
        opened.set(opened.size() - 1, examined);
        return examined;
    }

    private static void requireSame(HostFile file, FileIdentity open) throws ImageException {
        if (!file.identity().equals(open)) {
            throw ImageException.of(
                    Kind.BUSY, file.path(), "the file was replaced since the drive that writes it was opened");
        }
    }

    private OpenedFile examine(HostFile file, ImageOptions options, boolean writable) throws IOException {
        String snapshot = options.snapshot();
        if (snapshot != null && writable) {
            throw ImageException.invalidOption(
                    "snapshot", "snapshot is given for an image that is to be written; it must be read-only");
        }
        ImageFormat format = FormatProbe.of(file, options.format());
        if (format != ImageFormat.QCOW2) {
            refuseDataFile(options);
            refuseSnapshotOf(format, snapshot);
            return format == ImageFormat.RAW
                    ? OpenedFile.plain(file, options)
                    : foreign(file, format, options, writable);
        }
        ImageHeader header = HeaderReader.read(file);
        header.requireSupported(writable);
        if (writable && header.features().dirty()) {
            header = repaired(file);
        }
        if (snapshot != null && header.features().externalDataFile()) {
            throw ImageException.invalidOption(
                    "snapshot", "snapshot is given, but an image whose data is in another file has no snapshots of it");
        }
        ImageHeader wanted = snapshot == null ? header : SnapshotReader.headerOf(snapshot, file, header);
        return new OpenedFile(file, wanted, dataFile(file, header, options, writable), null, options);
    }

    /** Which files an image names besides its own, its guest may have chosen, unless somebody said what it is. */
    private OpenedFile foreign(HostFile file, ImageFormat format, ImageOptions options, boolean writable)
            throws IOException {
        if (writable) {
            throw ForeignLayer.readOnly(format);
        }
        ForeignLayer layer = ForeignLayer.open(file, format, name -> {
            if (options.format() == null) {
                throw ImageException.invalidOption(
                        "format",
                        file.path(),
                        "the image names other files, and a guest can write such names to its raw disk; give"
                                + " \"format\": \"" + format.wireName() + "\" if that is what it is");
            }
            return extent(file, name, options);
        });
        return new OpenedFile(file, null, null, layer, options);
    }

    /** A file that an image names as holding a part of its disk, opened and locked. */
    private HostFile extent(HostFile image, String name, ImageOptions options) throws IOException {
        Path path = environment.references().resolve(image.path(), name, Role.DATA_FILE);
        HostFile file = environment.files().open(path, HostFiles.Mode.READ, options.pageCache());
        try {
            if (!seen.add(file.identity())) {
                throw ImageException.of(Kind.INVALID_FORMAT, path, "the extent is in the chain already");
            }
            file.lock(ImageLock.READER);
            return file;
        } catch (IOException | RuntimeException failure) {
            close(file::close, failure);
            throw failure;
        }
    }

    private static void refuseSnapshotOf(ImageFormat format, @Nullable String snapshot) throws ImageException {
        if (snapshot != null) {
            throw ImageException.invalidOption(
                    "snapshot", "snapshot is given for a " + format.wireName() + " image; only qcow2 has snapshots");
        }
    }

    /**
     * The header of an image whose refcounts may be wrong, because whoever wrote it last did not close it, once they are
     * right again. The dirty bit goes last, so a repair that is interrupted is done again.
     */
    private static ImageHeader repaired(HostFile file) throws IOException {
        CheckReport report = ImageRepair.repair(file, ImageCheck.Repair.ALL, WorkObserver.NONE);
        ImageHeader header = HeaderReader.read(file);
        if (header.features().dirty()) {
            throw ImageException.of(
                    Kind.CORRUPT,
                    file.path(),
                    "the image was not closed cleanly, and its repair left " + report.corruptions()
                            + " corruptions and " + report.checkErrors() + " tables that cannot be read; it can be"
                            + " opened read-only");
        }
        return header;
    }

    /** The file that has the image's data, opened and locked as QEMU does; null where the image has it itself. */
    private @Nullable HostFile dataFile(HostFile image, ImageHeader header, ImageOptions options, boolean writable)
            throws IOException {
        if (!header.features().externalDataFile()) {
            refuseDataFile(options);
            return null;
        }
        Path path = dataFilePath(image.path(), header, options);
        HostFile file = environment
                .files()
                .open(path, writable ? HostFiles.Mode.READ_WRITE : HostFiles.Mode.READ, options.pageCache());
        try {
            if (file.identity().equals(image.identity()) || !seen.add(file.identity())) {
                throw ImageException.of(Kind.INVALID_FORMAT, path, "the data file is in the chain already");
            }
            file.lock(writable ? ImageLock.WRITER : ImageLock.READER);
            return file;
        } catch (IOException | RuntimeException failure) {
            close(file::close, failure);
            throw failure;
        }
    }

    private Path dataFilePath(Path image, ImageHeader header, ImageOptions options) throws ImageException {
        if (options.dataFile() != null) {
            return environment.references().resolveGiven(image, options.dataFile(), Role.DATA_FILE);
        }
        String name = header.dataFileName();
        if (name == null) {
            throw ImageException.invalidOption(
                    "data-file", "the image's data is in a file that its header does not name; give data-file");
        }
        return environment.references().resolve(image, name, Role.DATA_FILE);
    }

    private static void refuseDataFile(ImageOptions options) throws ImageException {
        if (options.dataFile() != null) {
            throw ImageException.invalidOption(
                    "data-file", "data-file is given, but the image has its data in its own file; leave data-file out");
        }
    }

    /** What the next layer is opened with: the caller's wish, and the format that the header above names. */
    public static ImageOptions backingOptions(ImageHeader above, ImageOptions aboveOptions) throws ImageException {
        ImageOptions wish = aboveOptions.below();
        String named = above.backingFormat();
        if (wish.format() != null) {
            return wish;
        }
        if (named == null) {
            throw ImageException.invalidOption(
                    "backing",
                    "the header does not say which format its backing file has; give \"backing\": {\"format\": …}"
                            + " (guessing would let a guest choose)");
        }
        return wish.withFormat(formatNamed(named));
    }

    private static ImageFormat formatNamed(String name) throws ImageException {
        try {
            return ImageFormat.parse("format", name);
        } catch (ImageException unknown) {
            throw ImageException.of(
                            Kind.UNSUPPORTED_FEATURE,
                            "the header names a format of its backing file that is not read; " + ImageFormat.names()
                                    + " are")
                    .causedBy(unknown);
        }
    }

    private static void refuseOptionsForNothing(ImageOptions options) throws ImageException {
        if (options.backing() != null) {
            throw ImageException.invalidOption("backing", "backing has options for a layer that is not there");
        }
    }

    private static @Nullable ClusterCipher cipher(OpenedFile next) throws IOException {
        if (next.header == null) {
            Encryption.refuse(next.file, next.options.encrypt());
            return null;
        }
        return Encryption.unlock(next.file, next.header, next.options);
    }

    /** @param cipher the new layer's own; ended here where there comes to be none */
    private ImageLayer newLayer(OpenedFile next, @Nullable ImageLayer backing, @Nullable ClusterCipher cipher)
            throws IOException {
        boolean top = opened.isEmpty() || next == opened.getFirst();
        boolean writable = top && !next.options.readOnly();
        if (next.foreign != null) {
            return next.foreign;
        }
        if (next.header == null) {
            return rawLayer(next, writable);
        }
        try {
            return new Qcow2Layer(
                    next.file,
                    data(next, next.header, cipher),
                    next.header,
                    backing,
                    writable,
                    next.options,
                    environment.caches(),
                    requests);
        } catch (IOException | RuntimeException | Error refused) {
            if (cipher != null) {
                cipher.close();
            }
            throw refused;
        }
    }

    private static RawLayer rawLayer(OpenedFile next, boolean writable) throws IOException {
        RawLayer layer = new RawLayer(next.file, writable);
        if (writable) {
            layer.requirePossible(next.options);
        }
        return layer;
    }

    private static DataStore data(OpenedFile opened, ImageHeader header, @Nullable ClusterCipher cipher) {
        HostFile file = opened.dataFile == null ? opened.file : opened.dataFile;
        boolean legacy = header.cryptMethod() == ImageHeader.CRYPT_AES;
        return DataStore.of(
                opened.file,
                opened.dataFile,
                header.features().rawExternalData(),
                cipher == null ? null : new EncryptedData(file, cipher, legacy));
    }

    /** Closes the layers made so far, and the files that no layer has taken over yet. */
    private void closeQuietly(@Nullable ImageLayer made, @Nullable ImageLayer bottom, Throwable failure) {
        Set<HostFile> owned = new HashSet<>();
        for (ImageLayer layer = made; layer != null && layer != bottom; layer = layer.backing()) {
            owned.add(layer.file());
            close(layer::close, failure);
        }
        for (OpenedFile next : opened) {
            if (!owned.contains(next.file)) {
                close(next.file::close, failure);
                if (next.foreign != null) {
                    close(next.foreign::close, failure);
                }
                if (next.dataFile != null) {
                    close(next.dataFile::close, failure);
                }
            }
        }
    }

    @FunctionalInterface
    private interface Closing {
        void close() throws IOException;
    }

    private static void close(Closing closing, Throwable failure) {
        try {
            closing.close();
        } catch (IOException | RuntimeException second) {
            failure.addSuppressed(second);
        }
    }
}
