package io.cowslip.engine.format;

/**
 * Where the fields of the header lie, in bytes from the start of the file (qcow2 specification, "Header"). Public so
 * that a field can be changed in place.
 */
public final class HeaderLayout {
    /** The first four bytes of every qcow2 file: {@code QFI\xfb}. */
    public static final int MAGIC = 0x5146_49FB;

    public static final int VERSION = 4;
    public static final int BACKING_NAME_OFFSET = 8;
    public static final int BACKING_NAME_BYTES = 16;
    public static final int CLUSTER_BITS = 20;
    public static final int VIRTUAL_SIZE = 24;
    public static final int CRYPT_METHOD = 32;
    public static final int L1_ENTRIES = 36;
    public static final int L1_TABLE_OFFSET = 40;
    public static final int REFCOUNT_TABLE_OFFSET = 48;
    public static final int REFCOUNT_TABLE_CLUSTERS = 56;
    public static final int SNAPSHOT_COUNT = 60;
    public static final int SNAPSHOT_TABLE_OFFSET = 64;
    public static final int INCOMPATIBLE_FEATURES = 72;
    public static final int COMPATIBLE_FEATURES = 80;
    public static final int AUTOCLEAR_FEATURES = 88;
    public static final int REFCOUNT_ORDER = 96;
    public static final int HEADER_LENGTH = 100;
    public static final int COMPRESSION_TYPE = 104;

    /** Length of a version 2 header. */
    public static final int VERSION_2_LENGTH = 72;

    /** The shortest header of version 3: without the compression type. */
    public static final int VERSION_3_MIN_LENGTH = 104;

    /** Length of the version 3 headers that this engine writes: with the compression type, padded to 8 bytes. */
    public static final int VERSION_3_LENGTH = 112;

    /** The most bytes of a file that are looked at to understand its header. */
    public static final int MAX_BYTES_READ = 64 << 10;

    /** The longest backing file name, in bytes. */
    public static final int MAX_BACKING_NAME_BYTES = 1023;

    /** The longest name of an external data file that is taken, in bytes: as long as a backing file's. */
    public static final int MAX_DATA_FILE_NAME_BYTES = MAX_BACKING_NAME_BYTES;

    /** The longest name of a backing format that QEMU reads, in bytes. */
    public static final int MAX_BACKING_FORMAT_BYTES = 15;

    /** The most internal snapshots that QEMU reads. */
    public static final int MAX_SNAPSHOTS = 65536;

    private HeaderLayout() {}
}
