package io.cowslip.web.volume;

import io.cowslip.engine.ImageException;
import io.cowslip.engine.image.options.CreateOptions;
import io.cowslip.engine.image.options.CreateOptions.CompressionType;
import io.cowslip.engine.image.options.ImageFormat;
import io.cowslip.engine.image.options.Preallocation;
import io.cowslip.web.json.ByteSize;
import io.cowslip.web.problem.Refusal;
import io.swagger.v3.oas.annotations.media.Schema;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * A volume to create, with the names of {@code qemu-img create}. What is not given is at its default.
 *
 * @param format qcow2 or raw; default qcow2
 * @param virtualSize size of the guest's disk; may be left out where there is a backing file
 * @param backingFile relative to the new volume's folder
 * @param backingFormat required with a backing file
 * @param cloneOf the volume to back on, relative to the image root
 * @param compat {@code 0.10} (version 2) or {@code 1.1} (version 3)
 * @param preallocation {@code off}, {@code metadata}, {@code falloc} or {@code full}
 * @param extendedL2 whether clusters have subclusters
 * @param dataFile a file to make for the disk's data, relative to the new volume's folder
 * @param encrypt how the disk is encrypted
 * @param dataFileRaw whether that file is to read as the disk by itself
 * @param lazyRefcounts whether refcounts may reach the file late
 */
@Schema(name = "NewVolume", description = "A new image file, with the names of qemu-img create")
public record VolumeRequest(
        @Nullable String format,
        @Nullable ByteSize virtualSize,
        @Nullable ByteSize clusterSize,
        @Nullable String backingFile,
        @Nullable String backingFormat,

        @Schema(
                description =
                        "In the place of backing-file: the volume to back on, relative to the image root; its format"
                                + " need not be said where it is qcow2")
        @Nullable
        String cloneOf,

        @Nullable Integer refcountBits,
        @Nullable String compressionType,
        @Nullable String compat,
        @Nullable String preallocation,
        @Nullable Boolean extendedL2,
        @Nullable String dataFile,
        @Nullable Boolean dataFileRaw,
        @Nullable NewVolumeEncryption encrypt,
        @Nullable Boolean lazyRefcounts) {

    /** Everything at its default. */
    public static final VolumeRequest DEFAULTS =
            new VolumeRequest(null, null, null, null, null, null, null, null, null, null, null, null, null, null, null);

    private static final int DEFAULT_CLUSTER_BYTES = 65536;
    private static final int DEFAULT_REFCOUNT_BITS = 16;

    /** What the engine is asked for, with {@code qemu-img create}'s defaults. */
    public CreateOptions options() {
        return new CreateOptions(
                        writableFormat(Objects.requireNonNullElse(format, "qcow2")),
                        virtualSize == null ? null : virtualSize.bytes(),
                        clusterBytes(),
                        backingFile,
                        backingFormat == null ? null : format(backingFormat, "backing-format"),
                        Objects.requireNonNullElse(refcountBits, DEFAULT_REFCOUNT_BITS),
                        compression(),
                        version())
                .withDataFile(dataFile, Boolean.TRUE.equals(dataFileRaw))
                .withPreallocation(spaceAtOnce())
                .withLazyRefcounts(Boolean.TRUE.equals(lazyRefcounts))
                .withExtendedL2(Boolean.TRUE.equals(extendedL2));
    }

    private Preallocation spaceAtOnce() {
        try {
            return preallocation == null ? Preallocation.OFF : Preallocation.parse("preallocation", preallocation);
        } catch (ImageException refused) {
            throw Refusal.of(refused);
        }
    }

    private int clusterBytes() {
        return clusterSize == null
                ? DEFAULT_CLUSTER_BYTES
                // Whatever does not fit an int is refused by its limits as this is.
                : (int) Math.min(clusterSize.bytes(), Integer.MAX_VALUE);
    }

    private static ImageFormat writableFormat(String name) {
        try {
            return ImageFormat.parseWritable("format", name);
        } catch (ImageException refused) {
            throw Refusal.of(refused);
        }
    }

    private static ImageFormat format(String name, String option) {
        try {
            return ImageFormat.parse(option, name);
        } catch (ImageException refused) {
            throw Refusal.of(refused);
        }
    }

    private CompressionType compression() {
        return switch (compressionType) {
            case null -> CompressionType.ZLIB;
            case "zlib" -> CompressionType.ZLIB;
            case "zstd" -> CompressionType.ZSTD;
            default ->
                throw Refusal.ofOption(
                        "compression-type",
                        "compression-type is \"" + compressionType + "\"; it may be \"zlib\" or \"zstd\"");
        };
    }

    private int version() {
        return switch (compat) {
            case null -> 3;
            case "1.1", "v3" -> 3;
            case "0.10", "v2" -> 2;
            default -> throw Refusal.ofOption("compat", "compat is \"" + compat + "\"; it may be \"0.10\" or \"1.1\"");
        };
    }
}
