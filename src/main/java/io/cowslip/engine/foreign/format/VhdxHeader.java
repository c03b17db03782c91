package io.cowslip.engine.foreign.format;

import io.cowslip.engine.ImageException;
import java.lang.foreign.MemorySegment;
import org.jspecify.annotations.Nullable;

/**
 * The header of a VHDX image ([MS-VHDX], "Headers"), of which there are two: the sound one with the higher sequence number
 * counts.
 *
 * @param logGuid what the log's entries must have to count; null: the log is empty
 * @param logOffset where the log is
 * @param logLengthBytes how long it is
 */
public record VhdxHeader(@Nullable Guid logGuid, long logOffset, long logLengthBytes) {
    /** Where the headers are. */
    public static final long FIRST_OFFSET = 64 << 10;

    public static final long SECOND_OFFSET = 128 << 10;

    public static final int BYTES = 4096;

    private static final long FILE_SIGNATURE = 0x656c_6966_7864_6876L;
    private static final int SIGNATURE = 0x6461_6568;
    private static final int SEQUENCE_OFFSET = 8;
    private static final int LOG_GUID_OFFSET = 48;
    private static final int LOG_VERSION_OFFSET = 64;
    private static final int VERSION_OFFSET = 66;
    private static final int LOG_LENGTH_OFFSET = 68;
    private static final int LOG_OFFSET = 72;
    private static final long MIB = 1 << 20;

    /** Whether a file that starts so says that it is a VHDX image. */
    public static boolean hasSignature(MemorySegment start) {
        return start.byteSize() >= Long.BYTES && start.get(LittleEndian.LONG, 0) == FILE_SIGNATURE;
    }

    /**
     * Reads the header that counts.
     *
     * @param first {@link #BYTES} from {@link #FIRST_OFFSET} on, or what the file has of them
     * @param second the same from {@link #SECOND_OFFSET} on
     * @throws ImageException INVALID_FORMAT; UNSUPPORTED_FEATURE for other versions
     */
    public static VhdxHeader parse(MemorySegment first, MemorySegment second, long fileSizeBytes)
            throws ImageException {
        MemorySegment header = current(first, second);
        int version = Short.toUnsignedInt(header.get(LittleEndian.SHORT, VERSION_OFFSET));
        if (version != 1) {
            throw Fields.unsupported("the VHDX version is " + version + "; version 1 is read");
        }
        Guid logGuid = Guid.at(header, LOG_GUID_OFFSET);
        if (logGuid.equals(Guid.NULL)) {
            return new VhdxHeader(null, 0, 0);
        }
        int logVersion = Short.toUnsignedInt(header.get(LittleEndian.SHORT, LOG_VERSION_OFFSET));
        if (logVersion != 0) {
            throw Fields.unsupported("the version of the VHDX log is " + logVersion + "; version 0 is read");
        }
        long logLength = Fields.unsignedInt(header, LittleEndian.INT, LOG_LENGTH_OFFSET);
        long logOffset = header.get(LittleEndian.LONG, LOG_OFFSET);
        if (logLength % MIB != 0 || logOffset < MIB || logOffset % MIB != 0 || logOffset > fileSizeBytes - logLength) {
            throw Fields.invalid("the VHDX log of " + logLength + " bytes at " + Long.toUnsignedString(logOffset)
                    + " must be whole MiB in the file, which has " + fileSizeBytes + " bytes");
        }
        return new VhdxHeader(logGuid, logOffset, logLength);
    }

    /** Whether the image was closed: then the log has nothing that counts. */
    public boolean isLogEmpty() {
        return logGuid == null;
    }

    /**
     * What the log changes; null where it has nothing that counts.
     *
     * @throws ImageException INVALID_FORMAT
     */
    public @Nullable VhdxReplay replay(MemorySegment log, long fileSizeBytes) throws ImageException {
        return logGuid == null ? null : VhdxLog.replay(log, logGuid, fileSizeBytes);
    }

    private static MemorySegment current(MemorySegment first, MemorySegment second) throws ImageException {
        boolean firstIsSound = isSound(first);
        boolean secondIsSound = isSound(second);
        if (!firstIsSound && !secondIsSound) {
            throw Fields.invalid("both VHDX headers are damaged");
        }
        if (firstIsSound && secondIsSound) {
            long order = Long.compareUnsigned(
                    first.get(LittleEndian.LONG, SEQUENCE_OFFSET), second.get(LittleEndian.LONG, SEQUENCE_OFFSET));
            return order >= 0 ? first : second;
        }
        return firstIsSound ? first : second;
    }

    private static boolean isSound(MemorySegment header) {
        return header.byteSize() == BYTES && header.get(LittleEndian.INT, 0) == SIGNATURE && Crc32c.isRight(header);
    }
}
