package io.cowslip.engine.image.convert;

import io.cowslip.engine.ImageException;
import io.cowslip.engine.ImageException.Kind;
import io.cowslip.engine.format.HeaderLayout;
import io.cowslip.engine.format.ImageGeometry;
import io.cowslip.engine.format.ImageHeader;
import io.cowslip.engine.host.FileIdentity;
import io.cowslip.engine.host.HostFile;
import io.cowslip.engine.host.HostFiles;
import io.cowslip.engine.host.ImageLock;
import io.cowslip.engine.host.IoBuffers;
import io.cowslip.engine.image.ImageInfo;
import io.cowslip.engine.image.check.CheckReport;
import io.cowslip.engine.image.check.CheckRun;
import io.cowslip.engine.image.check.ImageCheck;
import io.cowslip.engine.image.check.ImageRepair;
import io.cowslip.engine.image.check.NewRefcounts;
import io.cowslip.engine.image.check.ReferenceCounts;
import io.cowslip.engine.image.check.RepairFile;
import io.cowslip.engine.image.file.FileReferences;
import io.cowslip.engine.image.file.FormatProbe;
import io.cowslip.engine.image.file.HeaderReader;
import io.cowslip.engine.image.file.ImageEnvironment;
import io.cowslip.engine.image.file.UnsyncedData;
import io.cowslip.engine.image.options.AmendOptions;
import io.cowslip.engine.image.options.ImageFormat;
import io.cowslip.engine.image.options.ImageOptions;
import io.cowslip.engine.image.snapshot.SnapshotReader;
import io.cowslip.engine.work.WorkObserver;
import io.cowslip.engine.work.WorkThreads;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;

/**
 * Changes the header of an image that nobody has open, and of the rest what the new header asks for: refcounts of another
 * width, and no zero clusters in version 2. The new header goes into the file in one write of one sector, once all that it
 * leads to is durable, so that a crash leaves the old image or the new one, with leaks at most; what of the old header lay
 * behind that sector means nothing to the new one. All that is not known here stays: extensions, feature bits, further
 * fields.
 */
public final class HeaderAmender {
    private static final int SECTOR_BYTES = 512;

    private final Path path;
    private final AmendOptions options;
    private final WorkObserver observer;
    private final ImageEnvironment environment;

    private HeaderAmender(Path path, AmendOptions options, WorkObserver observer, ImageEnvironment environment) {
        this.path = path;
        this.options = options;
        this.observer = observer;
        this.environment = environment;
    }

    /**
     * Amends {@code file}, durable when this returns.
     *
     * @param observer told of the metadata that is gone over; who stops it leaves the image as it was, with leaks at most
     * @throws ImageException INVALID_OPTION naming the option; UNSUPPORTED_FEATURE where the image must not be written;
     *     BUSY when somebody has it open; NO_SPACE when the new header takes more than a sector,
     *     or the host has none; INVALID_FORMAT where tables are to change and contradict themselves
     */
    public static void amend(Path file, AmendOptions options, WorkObserver observer, ImageEnvironment environment)
            throws IOException {
        new HeaderAmender(file, options, observer, environment).amend();
    }

    /**
     * Refuses what {@link #amend} would refuse for what stands in the header.
     *
     * @throws ImageException as {@link #amend}
     */
    static void requirePossible(Path file, AmendOptions options, ImageEnvironment environment) throws IOException {
        HeaderAmender amender = new HeaderAmender(file, options, WorkObserver.NONE, environment);
        try (HostFile opened = amender.open()) {
            amender.amended(opened, amender.header(opened));
        }
    }

    private void amend() throws IOException {
        try (HostFile file = open()) {
            ImageHeader header = header(file);
            ImageHeader amended = amended(file, header);
            if (amended.version() > header.version() && lacksFieldsOfVersion3(file, header)) {
                raiseSnapshots(file, header, amended);
            } else if (!amended.equals(header)) {
                write(file, withTables(new RepairFile(file), header, amended));
            }
        }
    }

    /** Whether a snapshot does not say how large its disk is, which version 2 leaves open (qcow2 specification, "Snapshots"). */
    private static boolean lacksFieldsOfVersion3(HostFile file, ImageHeader header) throws IOException {
        return SnapshotReader.read(file, header).snapshots().stream()
                .anyMatch(snapshot -> snapshot.diskBytes() == null);
    }

    /** A repair completes the records: also one after a crash, when the image is of version 3 and dirty. */
    private void raiseSnapshots(HostFile file, ImageHeader header, ImageHeader amended) throws IOException {
        check(file, header);
        write(file, withTables(new RepairFile(file), header, amended).asDirty());
        ImageRepair.repair(file, ImageCheck.Repair.ALL, observer);
    }

    private HostFile open() throws IOException {
        HostFile file = environment.files().open(path, HostFiles.Mode.READ_WRITE);
        boolean locked = false;
        try {
            file.lock(ImageLock.WRITER);
            locked = true;
            return file;
        } finally {
            if (!locked) {
                file.close();
            }
        }
    }

    private ImageHeader header(HostFile file) throws IOException {
        ImageHeader header = HeaderReader.readIfQcow2(file);
        if (header == null) {
            throw ImageException.of(Kind.UNSUPPORTED_FEATURE, path, "only a qcow2 image has what can be amended");
        }
        header.requireSupported(true);
        if (header.features().dirty()) {
            throw ImageException.of(
                    Kind.UNSUPPORTED_FEATURE,
                    path,
                    "the image was not closed cleanly; open it for writing once, which repairs it, and then amend it");
        }
        return header;
    }

    private ImageHeader amended(HostFile file, ImageHeader header) throws IOException {
        if (options.backingFile() != null && !options.backingFile().isEmpty()) {
            requireBackingPossible(file.identity(), options.backingFile());
        }
        return fitting(refcountBits(backing(lazyRefcounts(version(file, header)))));
    }

    /** Makes the tables what the amended header says; returns that header, leading to them. */
    private ImageHeader withTables(RepairFile target, ImageHeader header, ImageHeader amended) throws IOException {
        boolean lowered = amended.version() < header.version();
        if (!lowered && amended.refcountOrder() == header.refcountOrder()) {
            return amended;
        }
        CheckRun found = amended.refcountOrder() == header.refcountOrder()
                ? check(target.file(), header)
                : withoutLeaks(target.file(), header);
        requireCountsFit(found, amended.geometry());
        boolean hidesBacking = header.backingName() != null || amended.backingName() != null;
        if (lowered && new ZeroClusters(target, header, hidesBacking, observer).expand(found)) {
            ImageHeader expanded = HeaderReader.read(target.file());
            return withRefcounts(target, expanded, check(target.file(), expanded), amended);
        }
        return withRefcounts(target, header, found, amended);
    }

    /** New refcounts have no leaks: COPIED flags that agree with the old ones would contradict them. */
    private CheckRun withoutLeaks(HostFile file, ImageHeader header) throws IOException {
        CheckRun found = check(file, header);
        if (found.report().leaks() == 0) {
            return found;
        }
        ImageRepair.repair(file, ImageCheck.Repair.LEAKS, observer);
        return check(file, header);
    }

    /** Leads to the refcounts there are, or to new ones where they are to have another width. */
    private ImageHeader withRefcounts(RepairFile target, ImageHeader header, CheckRun found, ImageHeader amended)
            throws IOException {
        if (amended.refcountOrder() == header.refcountOrder()) {
            return amended.withRefcounts(
                    header.refcountOrder(), header.refcountTableOffset(), header.refcountTableClusters());
        }
        NewRefcounts.Place place = target.growing(
                () -> new NewRefcounts(target, amended.geometry(), found, new WorkThreads(observer)).write());
        return amended.withRefcounts(amended.refcountOrder(), place.tableOffset(), place.tableClusters());
    }

    /** Tables are changed only where they say what they should: leaks are no fault, and gone afterwards. */
    private CheckRun check(HostFile file, ImageHeader header) throws IOException {
        CheckRun found = CheckRun.over(file, header, observer);
        CheckReport report = found.report();
        if (report.corruptions() > 0 || report.checkErrors() > 0) {
            throw ImageException.of(
                    Kind.INVALID_FORMAT,
                    path,
                    "the image's metadata has " + (report.corruptions() + report.checkErrors())
                            + " faults, such as " + report.findings().getFirst()
                            + "; a job {\"type\": \"check\", \"repair\": \"all\"} repairs them");
        }
        return found;
    }

    private static void requireCountsFit(CheckRun found, ImageGeometry geometry) throws ImageException {
        ReferenceCounts references = found.references();
        int maxCount = CheckRun.maxCount(geometry);
        for (long cluster = 0; cluster < references.clusters(); cluster++) {
            if (references.get(cluster) > maxCount) {
                throw ImageException.invalidOption(
                        "refcount-bits",
                        "refcount-bits is " + (1 << geometry.refcountOrder()) + ", so that counts reach " + maxCount
                                + ", but the cluster at " + (cluster << geometry.clusterBits()) + " has "
                                + references.get(cluster) + " references");
            }
        }
    }

    private ImageHeader refcountBits(ImageHeader header) throws ImageException {
        Integer bits = options.refcountBits();
        if (bits == null) {
            return header;
        }
        if (Integer.bitCount(bits) != 1 || bits < 1 || bits > Long.SIZE) {
            throw ImageException.invalidOption(
                    "refcount-bits", "refcount-bits is " + bits + "; it may be 1, 2, 4, 8, 16, 32 or 64");
        }
        if (header.version() == 2 && bits != 1 << ImageHeader.VERSION_2_REFCOUNT_ORDER) {
            throw ImageException.invalidOption(
                    "refcount-bits",
                    "refcount-bits is " + bits
                            + "; with compat 0.10 it must be 16, and \"compat\": \"1.1\" takes others");
        }
        return header.withRefcounts(
                Integer.numberOfTrailingZeros(bits), header.refcountTableOffset(), header.refcountTableClusters());
    }

    private ImageHeader version(HostFile file, ImageHeader header) throws IOException {
        Integer version = options.version();
        if (version == null || version == header.version()) {
            return header;
        }
        if (version == 2) {
            return VersionLowering.lowered(file, header, Integer.valueOf(16).equals(options.refcountBits()));
        }
        return header.asVersion3();
    }

    private ImageHeader lazyRefcounts(ImageHeader header) throws ImageException {
        Boolean wanted = options.lazyRefcounts();
        if (wanted == null) {
            return header;
        }
        if (wanted && header.version() == 2) {
            throw ImageException.invalidOption(
                    "lazy-refcounts",
                    "lazy-refcounts needs compat 1.1, and the image has 0.10; give \"compat\": \"1.1\"");
        }
        return header.version() == 2 ? header : header.withLazyRefcounts(wanted);
    }

    private ImageHeader backing(ImageHeader header) throws ImageException {
        String name = options.backingFile();
        ImageFormat format = options.backingFormat();
        if (name == null) {
            if (format == null) {
                return header;
            }
            if (header.backingName() == null) {
                throw ImageException.invalidOption(
                        "backing-format", "backing-format is given, but the image has no backing-file");
            }
            return header.withBacking(header.backingName(), format.wireName());
        }
        if (name.isEmpty()) {
            if (format != null) {
                throw ImageException.invalidOption(
                        "backing-format", "backing-format is given without backing-file; it must have one");
            }
            return header.withBacking(null, null);
        }
        if (format == null) {
            throw ImageException.invalidOption(
                    "backing-format",
                    "backing-file is given without backing-format; formats are not guessed, so it must be one of "
                            + ImageFormat.names());
        }
        if (header.features().rawExternalData()) {
            throw ImageException.invalidOption(
                    "backing-file", "backing-file is given, but the data file reads as the disk by itself");
        }
        return header.withBacking(name, format.wireName());
    }

    /** The new backing file is there, may be followed, and does not lead back here. */
    private void requireBackingPossible(FileIdentity own, String name) throws IOException {
        if (name.indexOf('\0') >= 0
                || name.getBytes(StandardCharsets.UTF_8).length > HeaderLayout.MAX_BACKING_NAME_BYTES) {
            throw ImageException.invalidOption("backing-file", "backing-file must be a file's name");
        }
        try {
            requireChainPossible(
                    own, environment.references().resolveGiven(path, name, FileReferences.Role.BACKING_FILE));
        } catch (ImageException e) {
            if (e.kind() == Kind.NOT_FOUND) {
                throw ImageException.invalidOption("backing-file", "backing-file names a file that is not there")
                        .causedBy(e);
            }
            throw e;
        }
    }

    private void requireChainPossible(FileIdentity own, Path backing) throws IOException {
        ImageFormat format = options.backingFormat();
        try (HostFile found = environment.files().open(backing, HostFiles.Mode.READ)) {
            requireOther(own, found.identity());
            if (format == null) {
                return;
            }
            FormatProbe.requireBacking(found, format);
        }
        ImageOptions asked = ImageOptions.defaults().withFormat(format);
        for (ImageInfo layer : ImageInfo.chain(backing, asked, environment)) {
            Path below = layer.backingFile();
            if (below != null) {
                try (HostFile file = environment.files().open(below, HostFiles.Mode.READ)) {
                    requireOther(own, file.identity());
                }
            }
        }
    }

    private static void requireOther(FileIdentity own, FileIdentity backing) throws ImageException {
        if (own.equals(backing)) {
            throw ImageException.invalidOption(
                    "backing-file", "backing-file leads back to the image itself; it must lead elsewhere");
        }
    }

    private ImageHeader fitting(ImageHeader amended) throws ImageException {
        ImageHeader fitting = amended.sizeBytes() <= SECTOR_BYTES ? amended : amended.withoutFeatureNames();
        if (fitting.sizeBytes() > SECTOR_BYTES) {
            throw ImageException.of(
                    Kind.NO_SPACE,
                    path,
                    "the header would take " + fitting.sizeBytes() + " bytes; it may take " + SECTOR_BYTES
                            + " to be changed in one write");
        }
        return fitting;
    }

    private static void write(HostFile file, ImageHeader amended) throws IOException {
        byte[] bytes = amended.toBytes();
        try (IoBuffers.Loan loan = IoBuffers.borrow(SECTOR_BYTES)) {
            MemorySegment sector = loan.segment(SECTOR_BYTES).fill((byte) 0);
            MemorySegment.copy(MemorySegment.ofArray(bytes), 0, sector, 0, bytes.length);
            UnsyncedData unsynced = new UnsyncedData(file);
            file.write(0, sector);
            unsynced.written();
            unsynced.sync();
        }
    }
}
