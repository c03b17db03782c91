package io.cowslip.engine.format;

import java.lang.foreign.MemorySegment;
import java.nio.charset.StandardCharsets;

/**
 * One header extension (qcow2 specification, "Header extensions").
 *
 * @param type what it is; types that are not known are kept and written again
 * @param data its bytes without the padding, read-only
 */
public record HeaderExtension(int type, MemorySegment data) {

    /** Ends the list. */
    public static final int END = 0;

    /** The name of the backing file's format. */
    public static final int BACKING_FORMAT = 0xE279_2ACA;

    /** Names for feature bits, for messages. */
    public static final int FEATURE_NAMES = 0x6803_F857;

    /** Where the persistent bitmaps are. */
    public static final int BITMAPS = 0x2385_2875;

    /** Where the LUKS header is. */
    public static final int ENCRYPTION_HEADER = 0x0537_BE77;

    /** The name of the external data file. */
    public static final int EXTERNAL_DATA_FILE = 0x4441_5441;

    private static final int PREFIX_BYTES = 8;

    public HeaderExtension {
        data = data.asReadOnly();
    }

    /** The extension that names the backing file's format. */
    public static HeaderExtension backingFormat(String name) {
        return new HeaderExtension(BACKING_FORMAT, MemorySegment.ofArray(name.getBytes(StandardCharsets.UTF_8)));
    }

    /** The extension that names the external data file. */
    public static HeaderExtension externalDataFile(String name) {
        return new HeaderExtension(EXTERNAL_DATA_FILE, MemorySegment.ofArray(name.getBytes(StandardCharsets.UTF_8)));
    }

    /** Bytes in the file: type, length, data, and padding to a multiple of 8. */
    int paddedBytes() {
        return PREFIX_BYTES + ((Math.toIntExact(data.byteSize()) + 7) & -8);
    }

    void writeTo(MemorySegment header, long offset) {
        header.set(BigEndian.INT, offset, type);
        header.set(BigEndian.INT, offset + 4, Math.toIntExact(data.byteSize()));
        MemorySegment.copy(data, 0, header, offset + PREFIX_BYTES, data.byteSize());
    }
}
