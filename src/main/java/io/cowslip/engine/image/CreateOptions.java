package io.cowslip.engine.image;

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
 * @param preallocation what has its place from the start; not with a backing file
 * @param lazyRefcounts whether refcounts may reach the file late, unless whoever opens it says otherwise; version 3 only
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
        boolean lazyRefcounts) {

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
                false);
    }

    /** The same with its data in a file of its own. */
    public CreateOptions withDataFile(@Nullable String name, boolean raw) {
        return new CreateOptions(
                format,
                virtualSizeBytes,
                clusterSizeBytes,
                backingFile,
                backingFormat,
                refcountBits,
                compressionType,
                version,
                name,
                raw,
                encrypt,
                preallocation,
                lazyRefcounts);
    }

    /** The same, encrypted. */
    public CreateOptions withEncrypt(@Nullable NewEncryption other) {
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
                other,
                preallocation,
                lazyRefcounts);
    }

    /** The same with more or less that has its place from the start. */
    public CreateOptions withPreallocation(Preallocation other) {
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
                other,
                lazyRefcounts);
    }

    /** The same with refcounts that may be late or not. */
    public CreateOptions withLazyRefcounts(boolean other) {
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
                other);
    }

    /** What {@code qemu-img create -f qcow2} makes. */
    public static CreateOptions qcow2(long virtualSizeBytes) {
        return new CreateOptions(ImageFormat.QCOW2, virtualSizeBytes, 65536, null, null, 16, CompressionType.ZLIB, 3);
    }
}
