package io.cowslip.engine.image.create;

import io.cowslip.engine.ImageException;
import io.cowslip.engine.ImageException.Kind;
import io.cowslip.engine.format.EncryptionArea;
import io.cowslip.engine.format.FeatureNames;
import io.cowslip.engine.format.Features;
import io.cowslip.engine.format.HeaderExtension;
import io.cowslip.engine.format.HeaderLayout;
import io.cowslip.engine.format.ImageGeometry;
import io.cowslip.engine.format.ImageHeader;
import io.cowslip.engine.host.HostFile;
import io.cowslip.engine.host.HostFiles;
import io.cowslip.engine.host.ImageLock;
import io.cowslip.engine.host.IoBuffers;
import io.cowslip.engine.image.ChainFacts;
import io.cowslip.engine.image.file.FileReferences;
import io.cowslip.engine.image.file.FormatProbe;
import io.cowslip.engine.image.file.ImageEnvironment;
import io.cowslip.engine.image.options.CreateOptions;
import io.cowslip.engine.image.options.ImageFormat;
import io.cowslip.engine.image.options.NewEncryption;
import io.cowslip.engine.image.options.Preallocation;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.security.SecureRandom;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * Makes a new image in two steps: {@link #begin} is quick and makes the files, {@link #finish} fills them, which may take
 * as long as writing the whole disk, or trying a passphrase. Until the header is written, which comes last, the file is
 * no image to anybody. Closing one that is not finished takes its files away. One thread at a time.
 */
public final class ImageCreator implements AutoCloseable {
    private final Path file;
    private final CreateOptions options;
    private final ImageEnvironment environment;
    private final List<Path> made = new ArrayList<>();
    private final List<HostFile> open = new ArrayList<>();
    private long sizeBytes;
    private boolean finished;

    private ImageCreator(Path file, CreateOptions options, ImageEnvironment environment) {
        this.file = file;
        this.options = options;
        this.environment = environment;
    }

    /**
     * Creates {@code file}, durable when this returns. A failure leaves no file behind; an existing file is refused
     * with ALREADY_EXISTS and kept as it is.
     *
     * @throws ImageException INVALID_OPTION naming the option; FORBIDDEN when the backing file may not be followed;
     *     ALREADY_EXISTS; NO_SPACE or IO when the host refuses
     */
    public static void create(Path file, CreateOptions options, ImageEnvironment environment) throws IOException {
        try (ImageCreator creator = begin(file, options, environment)) {
            creator.finish();
        }
    }

    /**
     * Makes {@code file}, and its data file if it has one, with nothing in them yet. To be closed.
     *
     * @throws ImageException as {@link #create}; no file is left then
     */
    public static ImageCreator begin(Path file, CreateOptions options, ImageEnvironment environment)
            throws IOException {
        ImageCreator creator = new ImageCreator(file, options, environment);
        try {
            creator.makeFiles();
            return creator;
        } catch (IOException | RuntimeException refused) {
            closeAfter(refused, creator);
            throw refused;
        }
    }

    private static void closeAfter(Exception refused, ImageCreator creator) {
        try {
            creator.close();
        } catch (IOException second) {
            refused.addSuppressed(second);
        }
    }

    private void makeFiles() throws IOException {
        CreateChecks.check(options);
        sizeBytes = CreateChecks.roundedSize(options, wantedSizeBytes());
        make(file);
        String dataFile = options.dataFile();
        if (dataFile != null) {
            make(environment.references().resolveNew(file, dataFile));
        }
    }

    /** Locked, so that nobody opens what is half made or takes it for left behind. */
    private void make(Path path) throws IOException {
        HostFile opened = environment.files().open(path, HostFiles.Mode.CREATE_NEW);
        open.add(opened);
        made.add(path);
        opened.lock(ImageLock.WRITER);
    }

    /** The files that are made: the image, and its data file if it has one. */
    public List<Path> files() {
        return List.copyOf(made);
    }

    /**
     * Fills the files; the image is durable when this returns.
     *
     * @throws ImageException as {@link #create}; to be closed then as well
     */
    public void finish() throws IOException {
        Qcow2Plan plan = options.format() == ImageFormat.RAW ? null : plan();
        if (made.size() > 1) {
            fillDataFile(open.getLast(), made.getLast());
        }
        fill(open.getFirst(), plan);
        closeFiles();
        syncFolder(file);
        finished = true;
    }

    private void closeFiles() throws IOException {
        while (!open.isEmpty()) {
            open.removeLast().close();
        }
    }

    /** Durable before the image that names it. */
    private void fillDataFile(HostFile data, Path path) throws IOException {
        data.truncate(sizeBytes);
        options.preallocation().allocate(data, 0, sizeBytes);
        data.sync();
        syncFolder(path);
    }

    @Override
    public void close() throws IOException {
        try {
            closeFiles();
        } finally {
            if (!finished) {
                for (Path path : made) {
                    environment.files().delete(path);
                }
            }
        }
    }

    private void syncFolder(Path path) throws IOException {
        environment
                .files()
                .syncFolder(Objects.requireNonNull(path.toAbsolutePath().getParent()));
    }

    /** All that a qcow2 file will hold. */
    private record Qcow2Plan(InitialLayout layout, byte[] header, NewEncryption.@Nullable Area encryption) {}

    private void fill(HostFile target, @Nullable Qcow2Plan plan) throws IOException {
        if (plan == null) {
            target.truncate(sizeBytes);
            options.preallocation().allocate(target, 0, sizeBytes);
        } else {
            InitialLayout layout = plan.layout();
            target.truncate(layout.fileBytes());
            options.preallocation().allocate(target, layout.dataOffset(), layout.dataBytes());
            layout.writeRefcounts(target);
            layout.writeTables(target, placesRead());
            NewEncryption.Area encryption = plan.encryption();
            if (encryption != null) {
                long offset = layout.encryptionOffset();
                write(target, offset, encryption.header());
                write(target, offset + encryption.materialOffset(), encryption.material());
            }
            write(target, 0, plan.header());
        }
        target.sync();
    }

    private InitialLayout.Reads placesRead() {
        if (options.backingFile() != null) {
            return InitialLayout.Reads.BACKING;
        }
        return options.encrypt() == null ? InitialLayout.Reads.HOST : InitialLayout.Reads.ZEROS;
    }

    private static void write(HostFile target, long hostOffset, byte[] bytes) throws IOException {
        try (IoBuffers.Loan loan = IoBuffers.borrow(bytes.length)) {
            target.write(hostOffset, loan.segment(bytes.length).copyFrom(MemorySegment.ofArray(bytes)));
        }
    }

    private Qcow2Plan plan() throws ImageException {
        ImageGeometry geometry = new ImageGeometry(
                Integer.numberOfTrailingZeros(options.clusterSizeBytes()),
                sizeBytes,
                Integer.numberOfTrailingZeros(options.refcountBits()),
                options.extendedL2());
        NewEncryption encryption = options.encrypt();
        NewEncryption.Area area = encryption == null ? null : encryption.makeArea(new SecureRandom());
        InitialLayout layout = InitialLayout.of(geometry, places(), area == null ? 0 : area.lengthBytes());
        return new Qcow2Plan(layout, fittingHeader(layout, area).toBytes(), area);
    }

    /** A raw data file has all its places at once, for the map must never tell anything else than the file. */
    private InitialLayout.Places places() {
        if (options.preallocation() == Preallocation.OFF && !options.dataFileRaw()) {
            return InitialLayout.Places.NONE;
        }
        return options.dataFile() == null ? InitialLayout.Places.IN_FILE : InitialLayout.Places.IN_DATA_FILE;
    }

    /** The header with the feature name table, unless that takes the place of the backing file's name. */
    private ImageHeader fittingHeader(InitialLayout layout, NewEncryption.@Nullable Area encryption)
            throws ImageException {
        List<HeaderExtension> extensions = new ArrayList<>();
        if (encryption != null) {
            extensions.add(new EncryptionArea(layout.encryptionOffset(), encryption.lengthBytes()).toExtension());
        }
        ImageFormat backingFormat = options.backingFormat();
        if (backingFormat != null) {
            extensions.add(HeaderExtension.backingFormat(backingFormat.wireName()));
        }
        ImageHeader bare = header(layout, extensions);
        String dataFile = options.dataFile();
        if (dataFile != null) {
            extensions.add(HeaderExtension.externalDataFile(dataFile));
            bare = header(layout, extensions);
        }
        checkNameLengths(bare);
        if (options.version() == 2) {
            return bare;
        }
        extensions.add(FeatureNames.table());
        ImageHeader full = header(layout, extensions);
        return full.sizeBytes() <= full.clusterBytes() ? full : bare;
    }

    private void checkNameLengths(ImageHeader header) throws ImageException {
        String name = options.backingFile();
        if (name == null) {
            if (header.sizeBytes() > header.clusterBytes()) {
                throw ImageException.invalidOption(
                        "data-file",
                        "the name in data-file is too long for this cluster-size: the header takes "
                                + header.sizeBytes() + " bytes with it and may take " + header.clusterBytes());
            }
            return;
        }
        int nameBytes = name.getBytes(StandardCharsets.UTF_8).length;
        int room = header.clusterBytes() - (header.sizeBytes() - nameBytes);
        int limit = Math.min(room, HeaderLayout.MAX_BACKING_NAME_BYTES);
        if (nameBytes > limit) {
            throw ImageException.invalidOption(
                    "backing-file",
                    "the name in backing-file takes " + nameBytes + " bytes; with this cluster-size it may take "
                            + limit);
        }
    }

    private ImageHeader header(InitialLayout layout, List<HeaderExtension> extensions) {
        ImageGeometry geometry = layout.geometry();
        boolean version2 = options.version() == 2;
        boolean zstd = options.compressionType() == CreateOptions.CompressionType.ZSTD;
        int paddingBytes = HeaderLayout.VERSION_3_LENGTH - HeaderLayout.COMPRESSION_TYPE - 1;
        return new ImageHeader(
                options.version(),
                geometry.clusterBits(),
                geometry.virtualSizeBytes(),
                options.encrypt() == null ? ImageHeader.CRYPT_NONE : ImageHeader.CRYPT_LUKS,
                geometry.l1EntriesNeeded(),
                layout.l1TableOffset(),
                layout.refcountTableOffset(),
                layout.refcountTableClusters(),
                0,
                0,
                features(),
                geometry.refcountOrder(),
                version2 ? HeaderLayout.VERSION_2_LENGTH : HeaderLayout.VERSION_3_LENGTH,
                zstd ? ImageHeader.COMPRESSION_ZSTD : ImageHeader.COMPRESSION_ZLIB,
                MemorySegment.ofArray(new byte[version2 ? 0 : paddingBytes]),
                extensions,
                options.backingFile());
    }

    private Features features() {
        boolean zstd = options.compressionType() == CreateOptions.CompressionType.ZSTD;
        long incompatible = (zstd ? Features.COMPRESSION_TYPE : 0)
                | (options.dataFile() == null ? 0 : Features.EXTERNAL_DATA_FILE)
                | (options.extendedL2() ? Features.EXTENDED_L2 : 0);
        long compatible = options.lazyRefcounts() ? Features.LAZY_REFCOUNTS : 0;
        return new Features(incompatible, compatible, options.dataFileRaw() ? Features.RAW_EXTERNAL_DATA : 0);
    }

    // The backing file is looked at even where its size is not needed: a name that leads nowhere is refused now.
    private long wantedSizeBytes() throws IOException {
        Long asked = options.virtualSizeBytes();
        String backingName = options.backingFile();
        if (backingName == null) {
            if (asked == null) {
                throw ImageException.invalidOption(
                        "virtual-size", "virtual-size is missing; it must be given where there is no backing-file");
            }
            return asked;
        }
        long backingSizeBytes = backingSizeBytes(backingName, Objects.requireNonNull(options.backingFormat()));
        return asked != null ? asked : backingSizeBytes;
    }

    private long backingSizeBytes(String backingName, ImageFormat format) throws IOException {
        try (HostFile backing = openBacking(backingName)) {
            FormatProbe.requireBacking(backing, format);
            return ChainFacts.of(backing, format, environment).virtualSizeBytes();
        }
    }

    private HostFile openBacking(String backingName) throws IOException {
        try {
            return environment
                    .files()
                    .open(
                            environment.references().resolveGiven(file, backingName, FileReferences.Role.BACKING_FILE),
                            HostFiles.Mode.READ);
        } catch (ImageException e) {
            if (e.kind() == Kind.NOT_FOUND) {
                throw ImageException.invalidOption("backing-file", "backing-file names a file that is not there")
                        .causedBy(e);
            }
            throw e;
        }
    }
}
