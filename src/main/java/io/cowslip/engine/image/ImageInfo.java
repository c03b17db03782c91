package io.cowslip.engine.image;

import io.cowslip.engine.image.file.FileReferences;
import io.cowslip.engine.image.file.ImageEnvironment;
import io.cowslip.engine.image.options.CreateOptions;
import io.cowslip.engine.image.options.EncryptOptions;
import io.cowslip.engine.image.options.ImageFormat;
import io.cowslip.engine.image.options.ImageOptions;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * One file's facts, as {@code qemu-img info} finds them: read from the header alone, without locks.
 *
 * @param file the host file
 * @param format as was said, or else by content: raw where that says nothing
 * @param virtualSizeBytes size of the disk
 * @param actualSizeBytes bytes that the file takes on the host
 * @param backingName the backing file as the header names it, or null
 * @param backingFile the file that this name stands for, or null
 * @param backingFormat its format as the header names it, or null
 * @param dataFileName the external data file as the header names it, or null
 * @param dataFile the file that this name stands for; null also where there is none or it may not be followed, since an
 *     image may be opened with another
 * @param qcow2 what only qcow2 has; null for all else
 * @param foreign what the formats of other hypervisors have; null for qcow2 and raw
 */
public record ImageInfo(
        Path file,
        ImageFormat format,
        long virtualSizeBytes,
        long actualSizeBytes,
        @Nullable String backingName,
        @Nullable Path backingFile,
        @Nullable String backingFormat,
        @Nullable String dataFileName,
        @Nullable Path dataFile,
        @Nullable Qcow2Facts qcow2,
        @Nullable ForeignFacts foreign) {

    /** The files besides its own that hold the disk's bytes, as far as they may be followed. */
    public List<Path> dataFiles() {
        if (foreign != null) {
            return foreign.extentFiles();
        }
        return dataFile == null ? List.of() : List.of(dataFile);
    }

    /**
     * What the formats of other hypervisors have.
     *
     * @param blockSizeBytes bytes that one entry of the disk's map stands for; 0 where there is none
     * @param extentFiles the files that hold the disk's bytes besides the image's own
     * @param vmdk what only VMDK has; null for all else
     */
    public record ForeignFacts(
            int blockSizeBytes,
            List<Path> extentFiles,
            @Nullable VmdkFacts vmdk) {}

    /**
     * What a VMDK descriptor says.
     *
     * @param contentId {@code CID}: the identity of the content, 32 bits
     * @param parentContentId {@code parentCID}: all ones, since images with a parent are not read
     * @param createType {@code createType}: what kind of image it is
     */
    public record VmdkFacts(long contentId, long parentContentId, String createType, List<VmdkExtentFacts> extents) {}

    /**
     * A part of a VMDK disk in a file.
     *
     * @param sizeBytes what it has of the disk
     * @param type {@code FLAT} or {@code SPARSE}
     * @param grainSizeBytes bytes that an entry of its tables stands for; 0 where it is flat
     * @param compressed whether it is
     */
    public record VmdkExtentFacts(Path file, long sizeBytes, String type, int grainSizeBytes, boolean compressed) {}

    /**
     * What the qcow2 header says besides.
     *
     * @param compat {@code 0.10} or {@code 1.1}
     * @param encryption what encrypts the disk; null: nothing
     * @param dataFileRaw whether the data is in another file, which reads as the disk by itself; null: in its own file
     * @param bitmaps those that can be read; none when their directory is damaged
     */
    public record Qcow2Facts(
            String compat,
            int clusterSizeBytes,
            CreateOptions.CompressionType compressionType,
            boolean lazyRefcounts,
            int refcountBits,
            boolean dirty,
            boolean corrupt,
            boolean extendedL2,
            EncryptOptions.@Nullable Format encryption,
            int snapshots,
            @Nullable Boolean dataFileRaw,
            List<BitmapFacts> bitmaps) {}

    /**
     * A persistent bitmap.
     *
     * @param flags as {@code qemu-img info} names them
     */
    public record BitmapFacts(String name, long granularityBytes, List<String> flags) {}

    /**
     * The facts of {@code file} and of every file below it, from the top down. A file below has the format that the
     * file above names for it; where none is named, its content decides, as for the first.
     *
     * @throws io.cowslip.engine.ImageException what {@link FileReferences} refuses; INVALID_FORMAT also when the chain
     *     has a loop or is deeper than any should be, or a file is not what it is said to be; UNSUPPORTED_FEATURE for
     *     formats that are not read
     */
    public static List<ImageInfo> chain(Path file, ImageEnvironment environment) throws IOException {
        return ChainFacts.of(file, null, environment);
    }

    /** The same, with formats that {@code asked} says going before what headers and contents say. */
    public static List<ImageInfo> chain(Path file, ImageOptions asked, ImageEnvironment environment)
            throws IOException {
        return ChainFacts.of(file, asked, environment);
    }
}
