package io.cowslip.engine.image;

import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * One file's facts, as {@code qemu-img info} finds them: read from the header alone, without locks.
 *
 * @param file the host file
 * @param format by content: qcow2 where the header says so, raw for everything else
 * @param virtualSizeBytes size of the disk
 * @param actualSizeBytes bytes that the file takes on the host
 * @param backingName the backing file as the header names it, or null
 * @param backingFile the file that this name stands for, or null
 * @param backingFormat its format as the header names it, or null
 * @param dataFileName the external data file as the header names it, or null
 * @param dataFile the file that this name stands for; null also where there is none or it may not be followed, since an
 *     image may be opened with another
 * @param qcow2 what only qcow2 has; null for raw
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
        @Nullable Qcow2Facts qcow2) {

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
     *     has a loop or is deeper than any should be; UNSUPPORTED_FEATURE for formats other than qcow2 and raw
     */
    public static List<ImageInfo> chain(Path file, ImageEnvironment environment) throws IOException {
        return chain(file, null, environment);
    }

    /**
     * The same of a file whose format is known.
     *
     * @param format null: its content decides
     */
    public static List<ImageInfo> chain(Path file, @Nullable ImageFormat format, ImageEnvironment environment)
            throws IOException {
        return ChainFacts.of(file, format, environment);
    }
}
