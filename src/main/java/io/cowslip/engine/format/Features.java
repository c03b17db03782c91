package io.cowslip.engine.format;

/**
 * The feature bits of a header (qcow2 specification, "Header", bytes 72 to 95). Version 2 has none.
 *
 * @param incompatible bits that a program must know to open the image at all
 * @param compatible bits that a program may ignore
 * @param autoclear bits that a program must clear when it writes without knowing them
 */
public record Features(long incompatible, long compatible, long autoclear) {

    /** Incompatible: refcounts may be wrong until they are repaired (lazy refcounts, not closed cleanly). */
    public static final long DIRTY = 1;

    /** Incompatible: some metadata is broken, so the image must not be written. */
    public static final long CORRUPT = 1 << 1;

    /** Incompatible: guest data lies in another file. */
    public static final long EXTERNAL_DATA_FILE = 1 << 2;

    /** Incompatible: the compression type is not zlib. */
    public static final long COMPRESSION_TYPE = 1 << 3;

    /** Incompatible: L2 entries have subclusters and take 16 bytes. */
    public static final long EXTENDED_L2 = 1 << 4;

    /** Compatible: refcounts may be written late, while the dirty bit is set. */
    public static final long LAZY_REFCOUNTS = 1;

    /** Autoclear: the bitmaps extension agrees with the data. */
    public static final long BITMAPS = 1;

    /** Autoclear: the external data file can be read as a raw image. */
    public static final long RAW_EXTERNAL_DATA = 1 << 1;

    /** No feature at all. */
    public static final Features NONE = new Features(0, 0, 0);

    private static final long KNOWN_INCOMPATIBLE =
            DIRTY | CORRUPT | EXTERNAL_DATA_FILE | COMPRESSION_TYPE | EXTENDED_L2;

    public boolean dirty() {
        return (incompatible & DIRTY) != 0;
    }

    public boolean corrupt() {
        return (incompatible & CORRUPT) != 0;
    }

    public boolean externalDataFile() {
        return (incompatible & EXTERNAL_DATA_FILE) != 0;
    }

    public boolean compressionType() {
        return (incompatible & COMPRESSION_TYPE) != 0;
    }

    public boolean extendedL2() {
        return (incompatible & EXTENDED_L2) != 0;
    }

    public boolean lazyRefcounts() {
        return (compatible & LAZY_REFCOUNTS) != 0;
    }

    /** Whether the external data file reads as the disk when it is taken for a raw image. */
    public boolean rawExternalData() {
        return externalDataFile() && (autoclear & RAW_EXTERNAL_DATA) != 0;
    }

    /** Incompatible bits that the specification as known here does not define. */
    public long unknownIncompatible() {
        return incompatible & ~KNOWN_INCOMPATIBLE;
    }

    /** The same features with other autoclear bits. */
    Features withAutoclear(long bits) {
        return new Features(incompatible, compatible, bits);
    }
}
