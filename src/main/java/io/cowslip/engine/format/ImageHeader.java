package io.cowslip.engine.format;

import io.cowslip.engine.ImageException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * The header of a qcow2 file (qcow2 specification, "Header"), with everything in it that this engine does not know, so
 * that writing it again loses nothing.
 *
 * @param version 2 or 3
 * @param clusterBits log2 of the cluster size in bytes
 * @param virtualSizeBytes size of the guest's disk; a part of a 512-byte sector at its end does not count, as in QEMU
 * @param cryptMethod 0 for none, 1 for AES, 2 for LUKS
 * @param l1Entries entries in the L1 table; may be more than the disk needs
 * @param l1TableOffset host offset of the L1 table; means nothing when it has no entries
 * @param refcountTableOffset host offset of the refcount table
 * @param refcountTableClusters clusters that the refcount table takes
 * @param snapshotCount internal snapshots
 * @param snapshotTableOffset host offset of the snapshot table; means nothing without snapshots
 * @param features the feature bits; none in version 2
 * @param refcountOrder log2 of the width of a refcount in bits; 4 in version 2
 * @param headerLength bytes of the fixed part of the header, including fields that are not known here
 * @param compressionType {@link #COMPRESSION_ZLIB} or {@link #COMPRESSION_ZSTD}
 * @param furtherFields the header's bytes after the compression type, read-only
 * @param extensions all header extensions in their order, without the end marker
 * @param backingName the backing file's name as it stands in the file, or null
 */
public record ImageHeader(
        int version,
        int clusterBits,
        long virtualSizeBytes,
        int cryptMethod,
        int l1Entries,
        long l1TableOffset,
        long refcountTableOffset,
        int refcountTableClusters,
        int snapshotCount,
        long snapshotTableOffset,
        Features features,
        int refcountOrder,
        int headerLength,
        int compressionType,
        MemorySegment furtherFields,
        List<HeaderExtension> extensions,
        @Nullable String backingName) {

    public static final int CRYPT_NONE = 0;

    /** AES-128-CBC under the bare passphrase. */
    public static final int CRYPT_AES = 1;

    public static final int CRYPT_LUKS = 2;

    /** Raw deflate, without a zlib header. */
    public static final int COMPRESSION_ZLIB = 0;

    public static final int COMPRESSION_ZSTD = 1;

    /** Refcounts of version 2 have 16 bits. */
    public static final int VERSION_2_REFCOUNT_ORDER = 4;

    private static final int END_MARKER_BYTES = 8;

    public ImageHeader {
        furtherFields = furtherFields.asReadOnly();
        extensions = List.copyOf(extensions);
    }

    /** Whether a file that starts with {@code start} says that it is qcow2. Nothing else of it is looked at. */
    public static boolean hasMagic(MemorySegment start) {
        return start.byteSize() >= Integer.BYTES && start.get(BigEndian.INT, 0) == HeaderLayout.MAGIC;
    }

    /**
     * Reads a header and checks all that can be checked without reading any table: that every table lies in the file,
     * aligned, and within the format's limits. Allocates nothing whose size the file chooses.
     *
     * @param start the first {@link HeaderLayout#MAX_BYTES_READ} bytes of the file, or all of a shorter file
     * @param fileSizeBytes size of the file
     * @throws ImageException INVALID_FORMAT naming the field, its value and what would be right; UNSUPPORTED_FEATURE for
     *     incompatible bits and compression types that are not known
     */
    public static ImageHeader parse(MemorySegment start, long fileSizeBytes) throws ImageException {
        ImageHeader header = HeaderParser.parse(start);
        SupportedFeatures.requireKnown(header);
        HeaderChecks.check(header, fileSizeBytes);
        return header;
    }

    /**
     * Refuses what this engine does not do, by name.
     *
     * @param writable whether the image is to be written: more is refused then
     * @throws ImageException UNSUPPORTED_FEATURE
     */
    public void requireSupported(boolean writable) throws ImageException {
        SupportedFeatures.requireSupported(this, writable);
    }

    /** The shifts and masks of this image. */
    public ImageGeometry geometry() {
        return new ImageGeometry(clusterBits, virtualSizeBytes, refcountOrder, features.extendedL2());
    }

    public int clusterBytes() {
        return 1 << clusterBits;
    }

    /** Width of a refcount in bits. */
    public int refcountBits() {
        return 1 << refcountOrder;
    }

    /** The backing file's format as the header names it, or null. */
    public @Nullable String backingFormat() {
        for (HeaderExtension extension : extensions) {
            if (extension.type() == HeaderExtension.BACKING_FORMAT) {
                return new String(extension.data().toArray(ValueLayout.JAVA_BYTE), StandardCharsets.UTF_8);
            }
        }
        return null;
    }

    /**
     * Where the LUKS header is, or null where the image has none.
     *
     * @throws ImageException INVALID_FORMAT when it cannot lie where the extension says
     */
    public @Nullable EncryptionArea encryptionArea(long fileSizeBytes) throws ImageException {
        for (HeaderExtension extension : extensions) {
            if (extension.type() == HeaderExtension.ENCRYPTION_HEADER) {
                return EncryptionArea.parse(extension.data(), geometry(), fileSizeBytes);
            }
        }
        return null;
    }

    /** The external data file's name as it stands in the file, or null. */
    public @Nullable String dataFileName() {
        if (!features.externalDataFile()) {
            return null;
        }
        for (HeaderExtension extension : extensions) {
            if (extension.type() == HeaderExtension.EXTERNAL_DATA_FILE) {
                return new String(extension.data().toArray(ValueLayout.JAVA_BYTE), StandardCharsets.UTF_8);
            }
        }
        return null;
    }

    /**
     * The directory of persistent bitmaps, or null where there is none that counts: without its autoclear bit the
     * extension says nothing.
     *
     * @throws ImageException INVALID_FORMAT when it cannot lie where the extension says
     */
    public @Nullable BitmapDirectory bitmapDirectory(long fileSizeBytes) throws ImageException {
        if ((features.autoclear() & Features.BITMAPS) == 0) {
            return null;
        }
        for (HeaderExtension extension : extensions) {
            if (extension.type() == HeaderExtension.BITMAPS) {
                return BitmapDirectory.parse(extension.data(), geometry(), fileSizeBytes);
            }
        }
        return null;
    }

    /**
     * What the header must say before the first write: the bits of autoclear features that this engine does not keep
     * true are cleared. The bit of the bitmaps stays: before the first write those that are kept true are marked as in
     * use, so what the bit vouches for remains true. So does that of a raw data file, which holds what the guest reads
     * at every moment, unless that is encrypted.
     */
    public ImageHeader forWriting() {
        long kept = features.rawExternalData() && cryptMethod == CRYPT_NONE
                ? Features.BITMAPS | Features.RAW_EXTERNAL_DATA
                : Features.BITMAPS;
        return withFeatures(features.withAutoclear(features.autoclear() & kept));
    }

    /** Where in the file the first extension of {@code type} begins, or -1. */
    public int extensionOffset(int type) {
        int offset = headerLength;
        for (HeaderExtension extension : extensions) {
            if (extension.type() == type) {
                return offset;
            }
            offset += extension.paddedBytes();
        }
        return -1;
    }

    /** The same with this extension of bitmaps behind all others, or without any. */
    public ImageHeader withBitmaps(@Nullable HeaderExtension bitmaps) {
        List<HeaderExtension> others = new ArrayList<>(without(HeaderExtension.BITMAPS));
        if (bitmaps != null) {
            others.add(bitmaps);
        }
        return with(parts -> parts.extensions = others);
    }

    /** The same, saying that there are none. */
    public ImageHeader withoutBitmaps() {
        return withBitmaps(null).withFeatures(features.withAutoclear(features.autoclear() & ~Features.BITMAPS));
    }

    private ImageHeader withFeatures(Features other) {
        return with(parts -> parts.features = other);
    }

    /** This version 2 header in version 3, which says the same with room for more. */
    public ImageHeader asVersion3() {
        int furtherBytes = HeaderLayout.VERSION_3_LENGTH - HeaderLayout.COMPRESSION_TYPE - 1;
        return with(parts -> {
            parts.version = 3;
            parts.headerLength = HeaderLayout.VERSION_3_LENGTH;
            parts.furtherFields = MemorySegment.ofArray(new byte[furtherBytes]);
        });
    }

    /**
     * This header in version 2, with refcounts of 16 bits: without all that only version 3 has. Where its extension says
     * nothing any more, of bitmaps or feature names, it is left out.
     */
    public ImageHeader asVersion2() {
        List<HeaderExtension> kept = extensions.stream()
                .filter(extension -> extension.type() != HeaderExtension.FEATURE_NAMES
                        && extension.type() != HeaderExtension.BITMAPS)
                .toList();
        return with(parts -> {
            parts.version = 2;
            parts.features = Features.NONE;
            parts.refcountOrder = VERSION_2_REFCOUNT_ORDER;
            parts.headerLength = HeaderLayout.VERSION_2_LENGTH;
            parts.compressionType = COMPRESSION_ZLIB;
            parts.furtherFields = MemorySegment.ofArray(new byte[0]);
            parts.extensions = kept;
        });
    }

    /** Whether there are compatible features or further fields that are not known here. */
    public boolean saysMoreThanIsKnown() {
        boolean furtherZeros =
                furtherFields.mismatch(MemorySegment.ofArray(new byte[(int) furtherFields.byteSize()])) < 0;
        return !furtherZeros || (features.compatible() & ~Features.LAZY_REFCOUNTS) != 0;
    }

    /** The same with refcounts of another width, or elsewhere. */
    public ImageHeader withRefcounts(int order, long tableOffset, int tableClusters) {
        return with(parts -> {
            parts.refcountOrder = order;
            parts.refcountTableOffset = tableOffset;
            parts.refcountTableClusters = tableClusters;
        });
    }

    /** The same with lazy refcounts or without. Version 3 only. */
    public ImageHeader withLazyRefcounts(boolean lazy) {
        long others = features.compatible() & ~Features.LAZY_REFCOUNTS;
        long compatible = lazy ? others | Features.LAZY_REFCOUNTS : others;
        return withFeatures(new Features(features.incompatible(), compatible, features.autoclear()));
    }

    /** The same, saying that whoever opens the image for writing repairs it first. Version 3 only. */
    public ImageHeader asDirty() {
        return withFeatures(
                new Features(features.incompatible() | Features.DIRTY, features.compatible(), features.autoclear()));
    }

    /** The same over another backing file of a format that is named, or over none: then both are null. */
    public ImageHeader withBacking(@Nullable String name, @Nullable String format) {
        List<HeaderExtension> others = new ArrayList<>(without(HeaderExtension.BACKING_FORMAT));
        if (format != null) {
            others.addFirst(HeaderExtension.backingFormat(format));
        }
        return with(parts -> {
            parts.extensions = others;
            parts.backingName = name;
        });
    }

    /** The same without the table of feature names, which only explains. */
    public ImageHeader withoutFeatureNames() {
        return with(parts -> parts.extensions = without(HeaderExtension.FEATURE_NAMES));
    }

    private List<HeaderExtension> without(int type) {
        return extensions.stream().filter(extension -> extension.type() != type).toList();
    }

    /** The same image with another active disk: its size, and the L1 table that maps it. */
    public ImageHeader withActive(long otherVirtualSizeBytes, int otherL1Entries, long otherL1TableOffset) {
        return with(parts -> {
            parts.virtualSizeBytes = otherVirtualSizeBytes;
            parts.l1Entries = otherL1Entries;
            parts.l1TableOffset = otherL1TableOffset;
        });
    }

    /** Bytes that {@link #toBytes()} comes to. They must fit in one cluster. */
    public int sizeBytes() {
        return backingNameOffset() + backingNameBytes().length;
    }

    /**
     * The header as it stands in the file: fixed part, extensions, end marker, backing file's name. What follows in the
     * first cluster has no meaning.
     *
     * @throws ImageException NO_SPACE when that is more than a cluster
     */
    public byte[] toBytes() throws ImageException {
        if (sizeBytes() > clusterBytes()) {
            throw ImageException.of(
                    ImageException.Kind.NO_SPACE,
                    "The header takes " + sizeBytes() + " bytes; it must fit in one cluster of " + clusterBytes());
        }
        byte[] bytes = new byte[sizeBytes()];
        MemorySegment header = MemorySegment.ofArray(bytes);
        writeCommonFields(header);
        if (version >= 3) {
            writeVersion3Fields(header);
        }
        long offset = headerLength;
        for (HeaderExtension extension : extensions) {
            extension.writeTo(header, offset);
            offset += extension.paddedBytes();
        }
        writeBackingName(header);
        return bytes;
    }

    private void writeCommonFields(MemorySegment header) {
        header.set(BigEndian.INT, 0, HeaderLayout.MAGIC);
        header.set(BigEndian.INT, HeaderLayout.VERSION, version);
        header.set(BigEndian.INT, HeaderLayout.CLUSTER_BITS, clusterBits);
        header.set(BigEndian.LONG, HeaderLayout.VIRTUAL_SIZE, virtualSizeBytes);
        header.set(BigEndian.INT, HeaderLayout.CRYPT_METHOD, cryptMethod);
        header.set(BigEndian.INT, HeaderLayout.L1_ENTRIES, l1Entries);
        header.set(BigEndian.LONG, HeaderLayout.L1_TABLE_OFFSET, l1TableOffset);
        header.set(BigEndian.LONG, HeaderLayout.REFCOUNT_TABLE_OFFSET, refcountTableOffset);
        header.set(BigEndian.INT, HeaderLayout.REFCOUNT_TABLE_CLUSTERS, refcountTableClusters);
        header.set(BigEndian.INT, HeaderLayout.SNAPSHOT_COUNT, snapshotCount);
        header.set(BigEndian.LONG, HeaderLayout.SNAPSHOT_TABLE_OFFSET, snapshotTableOffset);
    }

    private void writeVersion3Fields(MemorySegment header) {
        header.set(BigEndian.LONG, HeaderLayout.INCOMPATIBLE_FEATURES, features.incompatible());
        header.set(BigEndian.LONG, HeaderLayout.COMPATIBLE_FEATURES, features.compatible());
        header.set(BigEndian.LONG, HeaderLayout.AUTOCLEAR_FEATURES, features.autoclear());
        header.set(BigEndian.INT, HeaderLayout.REFCOUNT_ORDER, refcountOrder);
        header.set(BigEndian.INT, HeaderLayout.HEADER_LENGTH, headerLength);
        if (headerLength > HeaderLayout.COMPRESSION_TYPE) {
            header.set(ValueLayout.JAVA_BYTE, HeaderLayout.COMPRESSION_TYPE, (byte) compressionType);
            MemorySegment.copy(furtherFields, 0, header, HeaderLayout.COMPRESSION_TYPE + 1L, furtherFields.byteSize());
        }
    }

    private void writeBackingName(MemorySegment header) {
        byte[] name = backingNameBytes();
        if (name.length > 0) {
            header.set(BigEndian.LONG, HeaderLayout.BACKING_NAME_OFFSET, backingNameOffset());
            header.set(BigEndian.INT, HeaderLayout.BACKING_NAME_BYTES, name.length);
            MemorySegment.copy(MemorySegment.ofArray(name), 0, header, backingNameOffset(), name.length);
        }
    }

    private int backingNameOffset() {
        int offset = headerLength + END_MARKER_BYTES;
        for (HeaderExtension extension : extensions) {
            offset += extension.paddedBytes();
        }
        return offset;
    }

    private byte[] backingNameBytes() {
        return backingName == null ? new byte[0] : backingName.getBytes(StandardCharsets.UTF_8);
    }

    private ImageHeader with(Consumer<Parts> change) {
        Parts parts = new Parts(this);
        change.accept(parts);
        return parts.together();
    }

    /** Everything there is, to be changed: so that what leaves the rest alone need not repeat it. */
    private static final class Parts {
        private int version;
        private int clusterBits;
        private long virtualSizeBytes;
        private int cryptMethod;
        private int l1Entries;
        private long l1TableOffset;
        private long refcountTableOffset;
        private int refcountTableClusters;
        private int snapshotCount;
        private long snapshotTableOffset;
        private Features features;
        private int refcountOrder;
        private int headerLength;
        private int compressionType;
        private MemorySegment furtherFields;
        private List<HeaderExtension> extensions;
        private @Nullable String backingName;

        Parts(ImageHeader of) {
            version = of.version;
            clusterBits = of.clusterBits;
            virtualSizeBytes = of.virtualSizeBytes;
            cryptMethod = of.cryptMethod;
            l1Entries = of.l1Entries;
            l1TableOffset = of.l1TableOffset;
            refcountTableOffset = of.refcountTableOffset;
            refcountTableClusters = of.refcountTableClusters;
            snapshotCount = of.snapshotCount;
            snapshotTableOffset = of.snapshotTableOffset;
            features = of.features;
            refcountOrder = of.refcountOrder;
            headerLength = of.headerLength;
            compressionType = of.compressionType;
            furtherFields = of.furtherFields;
            extensions = of.extensions;
            backingName = of.backingName;
        }

        ImageHeader together() {
            return new ImageHeader(
                    version,
                    clusterBits,
                    virtualSizeBytes,
                    cryptMethod,
                    l1Entries,
                    l1TableOffset,
                    refcountTableOffset,
                    refcountTableClusters,
                    snapshotCount,
                    snapshotTableOffset,
                    features,
                    refcountOrder,
                    headerLength,
                    compressionType,
                    furtherFields,
                    extensions,
                    backingName);
        }
    }
}
