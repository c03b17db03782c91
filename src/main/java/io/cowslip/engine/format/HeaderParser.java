package io.cowslip.engine.format;

import io.cowslip.engine.ImageException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** Takes the fields of a header apart, as far as they tell where other fields are. {@link HeaderChecks} does the rest. */
final class HeaderParser {
    private static final int EXTENSION_PREFIX_BYTES = 8;

    private final MemorySegment bytes;
    private final int version;
    private final int clusterBits;
    private final int headerLength;

    private HeaderParser(MemorySegment start) throws ImageException {
        bytes = start;
        version = parseVersion();
        clusterBits = parseClusterBits();
        headerLength = parseHeaderLength();
    }

    static ImageHeader parse(MemorySegment start) throws ImageException {
        return new HeaderParser(start.asReadOnly()).header();
    }

    private ImageHeader header() throws ImageException {
        boolean compressionStored = headerLength > HeaderLayout.COMPRESSION_TYPE;
        return new ImageHeader(
                version,
                clusterBits,
                sizeField(HeaderLayout.VIRTUAL_SIZE, "size") & -512L,
                countField(HeaderLayout.CRYPT_METHOD, "crypt_method"),
                countField(HeaderLayout.L1_ENTRIES, "l1_size"),
                sizeField(HeaderLayout.L1_TABLE_OFFSET, "l1_table_offset"),
                sizeField(HeaderLayout.REFCOUNT_TABLE_OFFSET, "refcount_table_offset"),
                countField(HeaderLayout.REFCOUNT_TABLE_CLUSTERS, "refcount_table_clusters"),
                countField(HeaderLayout.SNAPSHOT_COUNT, "nb_snapshots"),
                sizeField(HeaderLayout.SNAPSHOT_TABLE_OFFSET, "snapshots_offset"),
                features(),
                version == 2
                        ? ImageHeader.VERSION_2_REFCOUNT_ORDER
                        : countField(HeaderLayout.REFCOUNT_ORDER, "refcount_order"),
                headerLength,
                compressionStored
                        ? Byte.toUnsignedInt(bytes.get(ValueLayout.JAVA_BYTE, HeaderLayout.COMPRESSION_TYPE))
                        : ImageHeader.COMPRESSION_ZLIB,
                compressionStored ? copy(HeaderLayout.COMPRESSION_TYPE + 1, headerLength) : copy(0, 0),
                extensions(),
                backingName());
    }

    private int parseVersion() throws ImageException {
        if (!ImageHeader.hasMagic(bytes)) {
            throw invalid("The file does not start with \"QFI\\xfb\", as every qcow2 image does");
        }
        requirePresent(HeaderLayout.VERSION_2_LENGTH);
        int found = bytes.get(BigEndian.INT, HeaderLayout.VERSION);
        if (found != 2 && found != 3) {
            throw ImageException.of(
                    ImageException.Kind.UNSUPPORTED_FEATURE,
                    "version is " + Integer.toUnsignedString(found) + "; it may be 2 or 3");
        }
        return found;
    }

    private int parseClusterBits() throws ImageException {
        int found = bytes.get(BigEndian.INT, HeaderLayout.CLUSTER_BITS);
        if (found < ImageGeometry.MIN_CLUSTER_BITS || found > ImageGeometry.MAX_CLUSTER_BITS) {
            throw invalid("cluster_bits is " + Integer.toUnsignedString(found) + "; it may be "
                    + ImageGeometry.MIN_CLUSTER_BITS + " to " + ImageGeometry.MAX_CLUSTER_BITS);
        }
        return found;
    }

    private int parseHeaderLength() throws ImageException {
        if (version == 2) {
            return HeaderLayout.VERSION_2_LENGTH;
        }
        requirePresent(HeaderLayout.VERSION_3_MIN_LENGTH);
        int found = countField(HeaderLayout.HEADER_LENGTH, "header_length");
        if (found < HeaderLayout.VERSION_3_MIN_LENGTH || found % 8 != 0 || found > 1 << clusterBits) {
            throw invalid("header_length is " + found + "; it must be a multiple of 8 from "
                    + HeaderLayout.VERSION_3_MIN_LENGTH + " to the cluster size");
        }
        requirePresent(found);
        return found;
    }

    private void requirePresent(long lengthBytes) throws ImageException {
        if (lengthBytes > bytes.byteSize()) {
            throw invalid("The header takes " + lengthBytes + " bytes, of which only " + bytes.byteSize()
                    + " can be read; it must lie in the file's first " + HeaderLayout.MAX_BYTES_READ + " bytes");
        }
    }

    private Features features() {
        return version == 2
                ? Features.NONE
                : new Features(
                        bytes.get(BigEndian.LONG, HeaderLayout.INCOMPATIBLE_FEATURES),
                        bytes.get(BigEndian.LONG, HeaderLayout.COMPATIBLE_FEATURES),
                        bytes.get(BigEndian.LONG, HeaderLayout.AUTOCLEAR_FEATURES));
    }

    private List<HeaderExtension> extensions() throws ImageException {
        List<HeaderExtension> found = new ArrayList<>();
        long end = extensionsEnd();
        long offset = headerLength;
        while (offset + EXTENSION_PREFIX_BYTES <= end) {
            int type = bytes.get(BigEndian.INT, offset);
            if (type == HeaderExtension.END) {
                break;
            }
            long lengthBytes = Integer.toUnsignedLong(bytes.get(BigEndian.INT, offset + 4));
            long dataOffset = offset + EXTENSION_PREFIX_BYTES;
            if (lengthBytes > end - dataOffset) {
                throw invalid("Header extension 0x" + Integer.toHexString(type) + " at " + offset + " has "
                        + lengthBytes + " bytes; there are " + (end - dataOffset) + " left for it");
            }
            HeaderExtension extension = new HeaderExtension(type, copy(dataOffset, dataOffset + lengthBytes));
            found.add(extension);
            offset += extension.paddedBytes();
        }
        requireNoneBegun(offset, end);
        return found;
    }

    /** Too few bytes for an extension are padding, or one that is cut off. */
    private void requireNoneBegun(long offset, long end) throws ImageException {
        if (end - offset < EXTENSION_PREFIX_BYTES) {
            for (long at = offset; at < end; at++) {
                if (bytes.get(ValueLayout.JAVA_BYTE, at) != 0) {
                    throw invalid("A header extension begins at " + offset + "; there are " + (end - offset)
                            + " bytes left for it");
                }
            }
        }
    }

    private long extensionsEnd() throws ImageException {
        long end = Math.min(1L << clusterBits, bytes.byteSize());
        long nameOffset = sizeField(HeaderLayout.BACKING_NAME_OFFSET, "backing_file_offset");
        if (nameOffset == 0) {
            return end;
        }
        if (nameOffset < headerLength || nameOffset > end) {
            throw invalid("backing_file_offset is " + nameOffset + "; it must lie from the header's end, "
                    + headerLength + ", to " + end);
        }
        return nameOffset;
    }

    private @Nullable String backingName() throws ImageException {
        long offset = sizeField(HeaderLayout.BACKING_NAME_OFFSET, "backing_file_offset");
        int lengthBytes = countField(HeaderLayout.BACKING_NAME_BYTES, "backing_file_size");
        if (offset == 0 || lengthBytes == 0) {
            return null;
        }
        long available = Math.min(1L << clusterBits, bytes.byteSize()) - offset;
        long limit = Math.min(available, HeaderLayout.MAX_BACKING_NAME_BYTES);
        if (lengthBytes > limit) {
            throw invalid("backing_file_size is " + lengthBytes + "; it may be at most " + limit);
        }
        return decodeName(copy(offset, offset + lengthBytes));
    }

    // A name that does not survive decoding and encoding would be changed by the next write of the header.
    private static String decodeName(MemorySegment name) throws ImageException {
        try {
            String decoded = StandardCharsets.UTF_8
                    .newDecoder()
                    .decode(name.asByteBuffer())
                    .toString();
            if (decoded.indexOf('\0') >= 0) {
                throw invalid("The backing file's name holds a zero byte; it must be plain text");
            }
            return decoded;
        } catch (CharacterCodingException e) {
            throw invalid("The backing file's name is not UTF-8").causedBy(e);
        }
    }

    private long sizeField(int offset, String field) throws ImageException {
        long value = bytes.get(BigEndian.LONG, offset);
        if (value < 0) {
            throw invalid(field + " is " + Long.toUnsignedString(value) + "; it must be less than 2^63");
        }
        return value;
    }

    private int countField(int offset, String field) throws ImageException {
        int value = bytes.get(BigEndian.INT, offset);
        if (value < 0) {
            throw invalid(field + " is " + Integer.toUnsignedString(value) + "; it must be less than 2^31");
        }
        return value;
    }

    private MemorySegment copy(long from, long to) {
        return MemorySegment.ofArray(bytes.asSlice(from, to - from).toArray(ValueLayout.JAVA_BYTE));
    }

    private static ImageException invalid(String message) {
        return ImageException.of(ImageException.Kind.INVALID_FORMAT, message);
    }
}
