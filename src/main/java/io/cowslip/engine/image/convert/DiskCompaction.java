package io.cowslip.engine.image.convert;

import io.cowslip.engine.ImageException;
import io.cowslip.engine.ImageException.Kind;
import io.cowslip.engine.format.ImageHeader;
import io.cowslip.engine.host.HostFile;
import io.cowslip.engine.host.HostFiles;
import io.cowslip.engine.host.ImageLock;
import io.cowslip.engine.image.DiskImage;
import io.cowslip.engine.image.ImageInfo;
import io.cowslip.engine.image.check.CheckReport;
import io.cowslip.engine.image.check.ImageCheck;
import io.cowslip.engine.image.check.ImageRepair;
import io.cowslip.engine.image.file.FileReferences;
import io.cowslip.engine.image.file.HeaderReader;
import io.cowslip.engine.image.file.ImageEnvironment;
import io.cowslip.engine.image.map.WriteBarrier;
import io.cowslip.engine.image.options.ImageFormat;
import io.cowslip.engine.image.options.ImageOptions;
import io.cowslip.engine.image.options.WriteOptions;
import io.cowslip.engine.work.WorkObserver;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;

/**
 * Makes an image that nobody has open take less of the host, in place; the disk reads as before. Leaked clusters are given
 * back, clusters whose bytes are all zeros become zero clusters, L2 tables that map nothing go, what lies at the file's
 * end moves into the room that is left before, and the host gets the space of all that is free. What snapshots share,
 * and their tables and those of bitmaps, stay where they are. Of a raw disk, what is zeros becomes holes.
 *
 * <p>Each step is in the order of all writes ({@link WriteBarrier}): a cluster is copied, durably, before the map leads to
 * the copy, and let go of after that. So a crash, a failure or who stops it leaves an image that reads the same, with
 * leaks at most.
 */
public final class DiskCompaction {
    private DiskCompaction() {}

    /**
     * What came of it.
     *
     * @param fileBytesBefore length of the image's file, and of its data file if it has one
     * @param actualBytesBefore what they took on the host
     */
    public record Outcome(long fileBytesBefore, long fileBytesAfter, long actualBytesBefore, long actualBytesAfter) {}

    /**
     * Compacts {@code file}, durable when this returns.
     *
     * @param options how the image is opened
     * @param observer told of the bytes of the disk and of the file that are dealt with
     * @throws ImageException as {@link DiskImage#open}; INVALID_FORMAT when the image's metadata has faults
     */
    public static Outcome compact(Path file, ImageOptions options, WorkObserver observer, ImageEnvironment environment)
            throws IOException {
        Sizes before = Sizes.of(file, options, environment);
        if (options.format() != ImageFormat.RAW) {
            freeLeaks(file, observer, environment);
        }
        ImageOptions compacting = options.withReadOnly(false).withWrites(WriteOptions.DEFAULTS);
        try (DiskImage image = DiskImage.open(file, compacting, environment)) {
            image.compact(observer);
        }
        Sizes after = Sizes.of(file, options, environment);
        return new Outcome(before.fileBytes, after.fileBytes, before.actualBytes, after.actualBytes);
    }

    private static void freeLeaks(Path file, WorkObserver observer, ImageEnvironment environment) throws IOException {
        try (HostFile opened = environment.files().open(file, HostFiles.Mode.READ_WRITE)) {
            opened.lock(ImageLock.WRITER);
            ImageHeader header = HeaderReader.read(opened);
            header.requireSupported(true);
            if (header.features().dirty()) {
                // Whoever opens it for writing repairs it.
                return;
            }
            CheckReport report = ImageCheck.ofUnchanging(opened, observer);
            if (report.corruptions() > 0 || report.checkErrors() > 0) {
                throw ImageException.of(
                        Kind.INVALID_FORMAT,
                        file,
                        "the image's metadata has " + (report.corruptions() + report.checkErrors())
                                + " faults, such as " + report.findings().getFirst()
                                + "; a job {\"type\": \"check\", \"repair\": \"all\"} repairs them");
            }
            if (report.leaks() > 0) {
                ImageRepair.repair(opened, ImageCheck.Repair.LEAKS, observer);
            }
        }
    }

    /** How large the files of an image are. */
    private record Sizes(long fileBytes, long actualBytes) {
        static Sizes of(Path file, ImageOptions options, ImageEnvironment environment) throws IOException {
            Sizes own = of(file, environment);
            if (options.format() == ImageFormat.RAW) {
                return own;
            }
            List<ImageInfo> chain = ImageInfo.chain(file, options, environment);
            Path dataFile = options.dataFile() == null
                    ? chain.getFirst().dataFile()
                    : environment.references().resolveGiven(file, options.dataFile(), FileReferences.Role.DATA_FILE);
            if (dataFile == null) {
                return own;
            }
            Sizes data = of(dataFile, environment);
            return new Sizes(own.fileBytes + data.fileBytes, own.actualBytes + data.actualBytes);
        }

        private static Sizes of(Path file, ImageEnvironment environment) throws IOException {
            try (HostFile opened = environment.files().open(file, HostFiles.Mode.READ)) {
                return new Sizes(opened.sizeBytes(), opened.allocatedBytes());
            }
        }
    }
}
