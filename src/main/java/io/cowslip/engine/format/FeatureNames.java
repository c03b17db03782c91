package io.cowslip.engine.format;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.charset.StandardCharsets;
import java.util.List;

/** The feature name table (qcow2 specification, "Feature name table"): what bits are called, for messages. */
public final class FeatureNames {
    private static final int INCOMPATIBLE = 0;
    private static final int COMPATIBLE = 1;
    private static final int AUTOCLEAR = 2;

    private static final int RECORD_BYTES = 48;
    private static final int NAME_OFFSET = 2;
    private static final int NAME_BYTES = RECORD_BYTES - NAME_OFFSET;

    private static final List<FeatureName> DEFINED = List.of(
            new FeatureName(INCOMPATIBLE, 0, "dirty bit"),
            new FeatureName(INCOMPATIBLE, 1, "corrupt bit"),
            new FeatureName(INCOMPATIBLE, 2, "external data file"),
            new FeatureName(INCOMPATIBLE, 3, "compression type"),
            new FeatureName(INCOMPATIBLE, 4, "extended L2 entries"),
            new FeatureName(COMPATIBLE, 0, "lazy refcounts"),
            new FeatureName(AUTOCLEAR, 0, "bitmaps"),
            new FeatureName(AUTOCLEAR, 1, "raw external data"));

    private FeatureNames() {}

    private record FeatureName(int kind, int bit, String name) {}

    /** The table of all bits that the specification defines, for new images. */
    public static HeaderExtension table() {
        MemorySegment records = MemorySegment.ofArray(new byte[DEFINED.size() * RECORD_BYTES]);
        long offset = 0;
        for (FeatureName feature : DEFINED) {
            byte[] name = feature.name().getBytes(StandardCharsets.US_ASCII);
            records.set(ValueLayout.JAVA_BYTE, offset, (byte) feature.kind());
            records.set(ValueLayout.JAVA_BYTE, offset + 1, (byte) feature.bit());
            MemorySegment.copy(MemorySegment.ofArray(name), 0, records, offset + NAME_OFFSET, name.length);
            offset += RECORD_BYTES;
        }
        return new HeaderExtension(HeaderExtension.FEATURE_NAMES, records);
    }

    /** What the image itself calls the incompatible feature {@code bit}; its number where the image has no name. */
    static String ofIncompatible(int bit, List<HeaderExtension> extensions) {
        for (HeaderExtension extension : extensions) {
            if (extension.type() == HeaderExtension.FEATURE_NAMES) {
                String name = find(extension.data(), bit);
                if (!name.isEmpty()) {
                    return "\"" + name + "\" (incompatible bit " + bit + ")";
                }
            }
        }
        return "incompatible bit " + bit;
    }

    private static String find(MemorySegment records, int bit) {
        for (long offset = 0; offset + RECORD_BYTES <= records.byteSize(); offset += RECORD_BYTES) {
            if (records.get(ValueLayout.JAVA_BYTE, offset) == INCOMPATIBLE
                    && records.get(ValueLayout.JAVA_BYTE, offset + 1) == bit) {
                return printable(records.asSlice(offset + NAME_OFFSET, NAME_BYTES));
            }
        }
        return "";
    }

    // The name comes from an untrusted file and ends up in messages and logs.
    private static String printable(MemorySegment field) {
        StringBuilder name = new StringBuilder();
        for (long index = 0; index < field.byteSize(); index++) {
            byte character = field.get(ValueLayout.JAVA_BYTE, index);
            if (character == 0) {
                break;
            }
            name.append(character >= ' ' && character < 0x7F ? (char) character : '?');
        }
        return name.toString();
    }
}
