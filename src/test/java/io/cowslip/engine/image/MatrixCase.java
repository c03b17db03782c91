package io.cowslip.engine.image;

import io.cowslip.engine.image.encryption.Encryption;
import io.cowslip.engine.image.options.Preallocation;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Objects;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import java.util.stream.Stream;

/**
 * One combination of what {@code qemu-img create} can be asked for, with an internal snapshot and a bitmap or without.
 *
 * @param version 2 or 3
 */
public record MatrixCase(
        int version,
        int clusterBytes,
        int refcountBits,
        boolean extendedL2,
        Compression compression,
        DataFile dataFile,
        Encryption encryption,
        Preallocation preallocation,
        Backing backing,
        boolean snapshot,
        boolean bitmap) {

    static final String SECRET = "correct horse";
    static final String DATA_FILE = "disk.data";
    public static final String SECRET_OBJECT = "secret,id=key,data=" + SECRET;

    private static final int[] CLUSTER_BYTES = {512, 4096, 65536, 2 << 20};
    private static final int[] REFCOUNT_BITS = {1, 2, 4, 8, 16, 32, 64};
    private static final int EXTENDED_L2_MIN_CLUSTER_BYTES = 16384;

    public enum Compression {
        ZLIB,
        ZSTD
    }

    public enum DataFile {
        NONE,
        PLAIN,
        RAW
    }

    public enum Encryption {
        NONE,
        AES,
        LUKS
    }

    enum Preallocation {
        OFF,
        METADATA,
        FALLOC,
        FULL
    }

    public enum Backing {
        NONE,
        QCOW2,
        RAW
    }

    /** The same without what comes after {@code qemu-img create}. */
    public MatrixCase asCreated() {
        return new MatrixCase(
                version,
                clusterBytes,
                refcountBits,
                extendedL2,
                compression,
                dataFile,
                encryption,
                preallocation,
                backing,
                false,
                false);
    }

    /** All combinations there are, whether QEMU makes them or not. */
    public static Stream<MatrixCase> all() {
        return IntStream.of(2, 3).boxed().flatMap(MatrixCase::ofVersion);
    }

    private static Stream<MatrixCase> ofVersion(int version) {
        List<MatrixCase> cases = new ArrayList<>();
        for (int clusterBytes : CLUSTER_BYTES) {
            for (int refcountBits : REFCOUNT_BITS) {
                for (int flags = 0; flags < 1 << 3; flags++) {
                    addAll(cases, version, clusterBytes, refcountBits, flags);
                }
            }
        }
        return cases.stream();
    }

    private static void addAll(List<MatrixCase> cases, int version, int clusterBytes, int refcountBits, int flags) {
        for (Compression compression : Compression.values()) {
            for (DataFile dataFile : DataFile.values()) {
                for (Encryption encryption : Encryption.values()) {
                    for (Preallocation preallocation : Preallocation.values()) {
                        for (Backing backing : Backing.values()) {
                            cases.add(new MatrixCase(
                                    version,
                                    clusterBytes,
                                    refcountBits,
                                    (flags & 1) != 0,
                                    compression,
                                    dataFile,
                                    encryption,
                                    preallocation,
                                    backing,
                                    (flags & 2) != 0,
                                    (flags & 4) != 0));
                        }
                    }
                }
            }
        }
    }

    /** Whether {@code qemu-img create} takes the options, by the rules of QEMU 7.2. */
    boolean isCreatable() {
        if (version == 2
                && (refcountBits != 16 || extendedL2 || compression != Compression.ZLIB || dataFile != DataFile.NONE)) {
            return false;
        }
        if (extendedL2 && clusterBytes < EXTENDED_L2_MIN_CLUSTER_BYTES) {
            return false;
        }
        if (backing == Backing.NONE) {
            return true;
        }
        return dataFile != DataFile.RAW && (preallocation == Preallocation.OFF || extendedL2);
    }

    /** Whether QEMU then gives it the snapshot and the bitmap. A count of 1 bit has no room for a shared cluster. */
    boolean isMadeWhole() {
        boolean shares = refcountBits > 1 || preallocation == Preallocation.OFF;
        return (!snapshot || (dataFile == DataFile.NONE && shares)) && (!bitmap || version == 3);
    }

    /** Whether QEMU makes it, with all that it has. */
    public boolean isMadeByQemu() {
        return isCreatable() && isMadeWhole();
    }

    /**
     * Whether the engine creates it. It takes what QEMU takes, but for disks that would not read as zeros, for a data file
     * that is called raw and is encrypted, and for the encryption that is only there to be read.
     */
    boolean isMadeByEngine() {
        boolean luks = encryption == Encryption.LUKS;
        boolean readsAsNoise = luks && version == 2 && preallocation != Preallocation.OFF;
        return isMadeByQemu() && encryption != Encryption.AES && !readsAsNoise && !(luks && dataFile == DataFile.RAW);
    }

    /** Whether a discard changes nothing: version 2 cannot say that a cluster hides the backing file with zeros. */
    boolean discardKeepsData() {
        return version == 2 && backing != Backing.NONE;
    }

    /** Whether the snapshot comes before the first write, so that nothing is shared. */
    boolean snapshotComesFirst() {
        return refcountBits == 1;
    }

    /** Legacy AES is there to get data out of old images, not to put any in. */
    public boolean isWritable() {
        return encryption != Encryption.AES;
    }

    /** As many clusters as are soon written and compared, and a part of one at the end. */
    int sizeBytes() {
        int clusters = clusterBytes == 2 << 20 ? 1 : clusterBytes == 65536 ? 24 : 150;
        return clusters * clusterBytes + 512 * (clusterBytes == 512 ? 0 : 3);
    }

    /** The longest range that a guest uses at once. */
    int longestBytes() {
        return clusterBytes == 2 << 20 ? clusterBytes : 4 * clusterBytes;
    }

    /** As after {@code -o}. */
    String createOptions() {
        List<String> options = new ArrayList<>();
        options.add("compat=" + (version == 2 ? "0.10" : "1.1"));
        options.add("cluster_size=" + clusterBytes);
        options.add("refcount_bits=" + refcountBits);
        options.add("compression_type=" + lower(compression));
        options.add("preallocation=" + lower(preallocation));
        if (extendedL2) {
            options.add("extended_l2=on");
        }
        if (dataFile != DataFile.NONE) {
            options.add("data_file=" + DATA_FILE);
            options.add("data_file_raw=" + (dataFile == DataFile.RAW ? "on" : "off"));
        }
        if (encryption != Encryption.NONE) {
            options.add("encrypt.format=" + lower(encryption));
            options.add("encrypt.key-secret=key");
        }
        if (encryption == Encryption.LUKS) {
            options.add("encrypt.iter-time=10");
        }
        return String.join(",", options);
    }

    private static String lower(Enum<?> option) {
        return option.name().toLowerCase(Locale.ROOT);
    }

    /** Short and unlike all others, to run one again by. */
    public String id() {
        return Stream.of(
                        "v" + version,
                        clusterBytes >= 1024 ? clusterBytes / 1024 + "K" : String.valueOf(clusterBytes),
                        "rc" + refcountBits,
                        extendedL2 ? "ext" : null,
                        lower(compression),
                        dataFile == DataFile.NONE ? null : "data-" + lower(dataFile),
                        encryption == Encryption.NONE ? null : lower(encryption),
                        preallocation == Preallocation.OFF ? null : lower(preallocation),
                        backing == Backing.NONE ? null : "over-" + lower(backing),
                        snapshot ? "snapshot" : null,
                        bitmap ? "bitmap" : null)
                .filter(Objects::nonNull)
                .collect(Collectors.joining("-"));
    }
}
