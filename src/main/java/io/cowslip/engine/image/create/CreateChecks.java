package io.cowslip.engine.image.create;

import io.cowslip.engine.ImageException;
import io.cowslip.engine.format.HeaderLayout;
import io.cowslip.engine.format.ImageGeometry;
import io.cowslip.engine.image.options.CreateOptions;
import io.cowslip.engine.image.options.ImageFormat;
import io.cowslip.engine.image.options.NewEncryption;
import io.cowslip.engine.image.options.Preallocation;
import java.nio.charset.StandardCharsets;

/** Refuses what {@code qemu-img create} refuses, naming the option. */
final class CreateChecks {
    private static final int MAX_REFCOUNT_BITS = 64;

    private CreateChecks() {}

    /** Everything that can be told without the size. */
    static void check(CreateOptions options) throws ImageException {
        options.format().requireWritable("format");
        checkBacking(options);
        checkDataFile(options);
        checkPreallocation(options);
        checkEncryption(options);
        if (options.format() == ImageFormat.RAW) {
            return;
        }
        checkClusterSize(options.clusterSizeBytes());
        checkVersion(options);
        checkExtendedL2(options);
        if (Integer.bitCount(options.refcountBits()) != 1
                || options.refcountBits() < 1
                || options.refcountBits() > MAX_REFCOUNT_BITS) {
            throw ImageException.invalidOption(
                    "refcount-bits",
                    "refcount-bits is " + options.refcountBits() + "; it may be 1, 2, 4, 8, 16, 32 or 64");
        }
    }

    private static void checkBacking(CreateOptions options) throws ImageException {
        String name = options.backingFile();
        if (name == null) {
            if (options.backingFormat() != null) {
                throw ImageException.invalidOption(
                        "backing-format", "backing-format is given without backing-file; it must have one");
            }
            return;
        }
        if (options.format() == ImageFormat.RAW) {
            throw ImageException.invalidOption(
                    "backing-file", "backing-file is given for a raw image; only a qcow2 image may have one");
        }
        if (name.isEmpty() || name.indexOf('\0') >= 0) {
            throw ImageException.invalidOption("backing-file", "backing-file must be a file's name");
        }
        if (options.backingFormat() == null) {
            throw ImageException.invalidOption(
                    "backing-format",
                    "backing-file is given without backing-format; formats are not guessed, so it must be one of "
                            + ImageFormat.names());
        }
    }

    private static void checkDataFile(CreateOptions options) throws ImageException {
        String name = options.dataFile();
        if (name == null) {
            if (options.dataFileRaw()) {
                throw ImageException.invalidOption(
                        "data-file-raw", "data-file-raw is given without data-file; it must have one");
            }
            return;
        }
        if (options.format() == ImageFormat.RAW) {
            throw ImageException.invalidOption(
                    "data-file", "data-file is given for a raw image; only a qcow2 image may have one");
        }
        int nameBytes = name.getBytes(StandardCharsets.UTF_8).length;
        if (name.isEmpty() || name.indexOf('\0') >= 0 || nameBytes > HeaderLayout.MAX_DATA_FILE_NAME_BYTES) {
            throw ImageException.invalidOption(
                    "data-file",
                    "data-file must be a file's name of at most " + HeaderLayout.MAX_DATA_FILE_NAME_BYTES + " bytes");
        }
        if (options.version() == 2) {
            throw ImageException.invalidOption("data-file", "data-file is given with compat 0.10; it needs compat 1.1");
        }
        if (options.dataFileRaw() && options.backingFile() != null) {
            throw ImageException.invalidOption(
                    "data-file-raw", "data-file-raw is given with backing-file; it must be one of them");
        }
    }

    private static void checkPreallocation(CreateOptions options) throws ImageException {
        if (options.format() == ImageFormat.RAW && options.preallocation() == Preallocation.METADATA) {
            throw ImageException.invalidOption(
                    "preallocation",
                    "preallocation is \"metadata\" for a raw image, which has none; it may be \"off\", \"falloc\" or"
                            + " \"full\"");
        }
        if (options.preallocation() != Preallocation.OFF && options.backingFile() != null && !options.extendedL2()) {
            throw ImageException.invalidOption(
                    "preallocation",
                    "preallocation is \"" + options.preallocation().wireName()
                            + "\" with a backing-file, which could not show through the places; it must be \"off\", or extended-l2 true");
        }
        if (options.preallocation() != Preallocation.OFF && options.encrypt() != null && options.version() == 2) {
            throw ImageException.invalidOption(
                    "preallocation",
                    "preallocation is \"" + options.preallocation().wireName()
                            + "\" with encrypt and compat 0.10, which has no way to say that the places hold zeros; it must"
                            + " be \"off\", or compat 1.1");
        }
        if (options.lazyRefcounts() && (options.format() == ImageFormat.RAW || options.version() == 2)) {
            throw ImageException.invalidOption(
                    "lazy-refcounts",
                    "lazy-refcounts is given for "
                            + (options.format() == ImageFormat.RAW ? "a raw image" : "compat 0.10")
                            + "; it needs a qcow2 image with compat 1.1");
        }
    }

    private static void checkEncryption(CreateOptions options) throws ImageException {
        NewEncryption encryption = options.encrypt();
        if (encryption == null) {
            return;
        }
        if (options.format() == ImageFormat.RAW) {
            throw ImageException.invalidOption(
                    "encrypt", "encrypt is given for a raw image; only a qcow2 image may be encrypted");
        }
        if (options.dataFileRaw()) {
            throw ImageException.invalidOption(
                    "data-file-raw",
                    "data-file-raw is given with encrypt, but an encrypted file does not read as the disk");
        }
        encryption.check();
    }

    private static void checkClusterSize(int clusterBytes) throws ImageException {
        int smallest = 1 << ImageGeometry.MIN_CLUSTER_BITS;
        int largest = 1 << ImageGeometry.MAX_CLUSTER_BITS;
        if (Integer.bitCount(clusterBytes) != 1 || clusterBytes < smallest || clusterBytes > largest) {
            throw ImageException.invalidOption(
                    "cluster-size",
                    "cluster-size is " + clusterBytes + "; it must be a power of two from " + smallest + " to "
                            + largest);
        }
    }

    private static void checkExtendedL2(CreateOptions options) throws ImageException {
        if (!options.extendedL2()) {
            return;
        }
        if (options.version() == 2) {
            throw ImageException.invalidOption(
                    "extended-l2", "extended-l2 is true with compat 0.10; it needs compat 1.1");
        }
        int smallest = 1 << ImageGeometry.EXTENDED_L2_MIN_CLUSTER_BITS;
        if (options.clusterSizeBytes() < smallest) {
            throw ImageException.invalidOption(
                    "extended-l2",
                    "extended-l2 is true with a cluster-size of " + options.clusterSizeBytes() + "; it needs at least "
                            + smallest);
        }
    }

    private static void checkVersion(CreateOptions options) throws ImageException {
        if (options.version() == 3) {
            return;
        }
        if (options.version() != 2) {
            throw ImageException.invalidOption(
                    "compat", "the version is " + options.version() + "; it may be 2 (compat 0.10) or 3 (compat 1.1)");
        }
        if (options.refcountBits() != 16) {
            throw ImageException.invalidOption(
                    "refcount-bits", "refcount-bits is " + options.refcountBits() + "; with compat 0.10 it must be 16");
        }
        if (options.compressionType() != CreateOptions.CompressionType.ZLIB) {
            throw ImageException.invalidOption(
                    "compression-type", "compression-type is zstd; with compat 0.10 it must be zlib");
        }
    }

    /** The size in whole sectors, rounded up, if the format can have it. */
    static long roundedSize(CreateOptions options, long wantedBytes) throws ImageException {
        long largest = largestSizeBytes(options);
        if (wantedBytes < 0 || wantedBytes > largest) {
            throw ImageException.invalidOption(
                    "virtual-size",
                    "virtual-size is " + wantedBytes + "; it may be 0 to " + largest
                            + (options.format() == ImageFormat.RAW ? "" : " with this cluster-size"));
        }
        return (wantedBytes + 511) & -512L;
    }

    private static long largestSizeBytes(CreateOptions options) {
        if (options.format() == ImageFormat.RAW) {
            return Long.MAX_VALUE & -512L;
        }
        int clusterBits = Integer.numberOfTrailingZeros(options.clusterSizeBytes());
        long l1Entries = ImageGeometry.MAX_L1_BYTES / Long.BYTES;
        return l1Entries * new ImageGeometry(clusterBits, 0, 0, options.extendedL2()).guestBytesPerTable();
    }
}
