package io.cowslip.engine.image.options;

import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * A new image, with the names and limits of {@code qemu-img create}.
 *
 * @param format qcow2 or raw; for raw only the size applies
 * @param virtualSizeBytes size of the disk, rounded up to a multiple of 512; null: that of the backing file
 * @param clusterSizeBytes a power of two from 512 to 2 MiB
 * @param backingFile the name to store, relative to the new image's folder; null: none
 * @param backingFormat required with {@code backingFile}: formats are never guessed
 * @param refcountBits 1, 2, 4, 8, 16, 32 or 64; only 16 in version 2
 * @param compressionType how compressed clusters will be packed; zstd needs version 3
 * @param version 2 ({@code compat=0.10}) or 3 ({@code compat=1.1})
 * @param dataFile the name of an external data file to make and to store, relative to the new image's folder; null: none
 * @param dataFileRaw whether the data file is to read as the disk by itself: then its L2 tables are made at once, and
 *     there is no backing file
 * @param encrypt how the disk is encrypted; null: not at all
 * @param preallocation what has its place from the start; over a backing file only with {@code extendedL2}
 * @param lazyRefcounts whether refcounts may reach the file late, unless whoever opens it says otherwise; version 3 only
 * @param extendedL2 whether L2 entries are extended, so that clusters have 32 subclusters: with clusters of 16 KiB at
 *     least, in version 3
 */
public record CreateOptions(
        ImageFormat format,
        @Nullable Long virtualSizeBytes,
        int clusterSizeBytes,
        @Nullable String backingFile,
        @Nullable ImageFormat backingFormat,
        int refcountBits,
        CompressionType compressionType,
        int version,
        @Nullable String dataFile,
        boolean dataFileRaw,
        @Nullable NewEncryption encrypt,
        Preallocation preallocation,
        boolean lazyRefcounts,
        boolean extendedL2) {

    /** The header's {@code compression_type}. */
    public enum CompressionType {
        ZLIB,
        ZSTD
    }

    /** An image that has its data itself. */
    public CreateOptions(
            ImageFormat format,
            @Nullable Long virtualSizeBytes,
            int clusterSizeBytes,
            @Nullable String backingFile,
            @Nullable ImageFormat backingFormat,
            int refcountBits,
            CompressionType compressionType,
            int version) {
        this(
                format,
                virtualSizeBytes,
                clusterSizeBytes,
                backingFile,
                backingFormat,
                refcountBits,
                compressionType,
                version,
                null,
                false,
                null,
                Preallocation.OFF,
                false,
                false);
    }

    /** The same with another size. */
    public CreateOptions withVirtualSize(long sizeBytes) {
        return with(parts -> parts.virtualSizeBytes = sizeBytes);
    }

    /** The same over a backing file, which is named from the new image's folder. */
    public CreateOptions withBacking(String name, ImageFormat format) {
        return with(parts -> {
            parts.backingFile = name;
            parts.backingFormat = format;
        });
    }

    /** The same with its data in a file of its own. */
    public CreateOptions withDataFile(@Nullable String name, boolean raw) {
        return with(parts -> {
            parts.dataFile = name;
            parts.dataFileRaw = raw;
        });
    }

    /** The same with subclusters, or without. */
    public CreateOptions withExtendedL2(boolean extended) {
        return with(parts -> parts.extendedL2 = extended);
    }

    /** The same, encrypted. */
    public CreateOptions withEncrypt(@Nullable NewEncryption other) {
        return with(parts -> parts.encrypt = other);
    }

    /** The same with more or less that has its place from the start. */
    public CreateOptions withPreallocation(Preallocation other) {
        return with(parts -> parts.preallocation = other);
    }

    /** The same with refcounts that may be late or not. */
    public CreateOptions withLazyRefcounts(boolean other) {
        return with(parts -> parts.lazyRefcounts = other);
    }

    /** What {@code qemu-img create -f qcow2} makes. */
    public static CreateOptions qcow2(long virtualSizeBytes) {
        return new CreateOptions(ImageFormat.QCOW2, virtualSizeBytes, 65536, null, null, 16, CompressionType.ZLIB, 3);
    }

    private CreateOptions with(Consumer<Parts> change) {
        Parts parts = new Parts(this);
        change.accept(parts);
        return parts.together();
    }

    /** Everything there is, to be changed: so that what leaves the rest alone need not repeat it. */
    private static final class Parts {
        private ImageFormat format;
        private @Nullable Long virtualSizeBytes;
        private int clusterSizeBytes;
        private @Nullable String backingFile;
        private @Nullable ImageFormat backingFormat;
        private int refcountBits;
        private CompressionType compressionType;
        private int version;
        private @Nullable String dataFile;
        private boolean dataFileRaw;
        private @Nullable NewEncryption encrypt;
        private Preallocation preallocation;
        private boolean lazyRefcounts;
        private boolean extendedL2;

        Parts(CreateOptions of) {
            format = of.format;
            virtualSizeBytes = of.virtualSizeBytes;
            clusterSizeBytes = of.clusterSizeBytes;
            backingFile = of.backingFile;
            backingFormat = of.backingFormat;
            refcountBits = of.refcountBits;
            compressionType = of.compressionType;
            version = of.version;
            dataFile = of.dataFile;
            dataFileRaw = of.dataFileRaw;
            encrypt = of.encrypt;
            preallocation = of.preallocation;
            lazyRefcounts = of.lazyRefcounts;
            extendedL2 = of.extendedL2;
        }

        CreateOptions together() {
            return new CreateOptions(
                    format,
                    virtualSizeBytes,
                    clusterSizeBytes,
                    backingFile,
                    backingFormat,
                    refcountBits,
                    compressionType,
                    version,
                    dataFile,
                    dataFileRaw,
                    encrypt,
                    preallocation,
                    lazyRefcounts,
                    extendedL2);
        }
    }
}
