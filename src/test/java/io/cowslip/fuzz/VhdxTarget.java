package io.cowslip.fuzz;

import io.cowslip.engine.image.options.ImageFormat;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.zip.CRC32C;

/**
 * A VHDX image. Its structures lie MiB apart, so the input has the beginnings of all of them, one behind the other:
 * {@link #PARTS}, then the log. Checksums are made right unless the header's reserved last byte says otherwise.
 */
final class VhdxTarget {
    private static final long MIB = 1 << 20;

    /** What the input has of a structure, and where that lies in the file. */
    record Part(int lengthBytes, long hostOffset) {}

    static final Part SIGNATURE = new Part(8, 0);
    static final Part HEADER = new Part(80, 64 << 10);
    static final Part REGIONS = new Part(16 + 3 * 32, 192 << 10);
    static final Part METADATA = new Part(32 + 6 * 32, 2 * MIB);
    static final Part ITEMS = new Part(64, 2 * MIB + (64 << 10));
    static final Part BLOCKS = new Part(64, 3 * MIB);
    static final Part[] PARTS = {SIGNATURE, HEADER, REGIONS, METADATA, ITEMS, BLOCKS};

    private static final long LOG_OFFSET = MIB;
    private static final int LOG_SECTOR_BYTES = 4096;
    private static final int MOST_LOG_BYTES = 1 << 20;
    private static final long SIZE_BYTES = 8 * MIB;
    private static final int UNMENDED = SIGNATURE.lengthBytes + HEADER.lengthBytes - 1;

    private VhdxTarget() {}

    public static void fuzzerTestOneInput(byte[] input) {
        Hostile.within(() -> {
            try (MemoryFiles files = new MemoryFiles()) {
                Path file = files.put("image", new byte[0], SIZE_BYTES);
                int position = 0;
                boolean mend = input.length > UNMENDED && input[UNMENDED] == 0;
                for (Part part : PARTS) {
                    int end = Math.min(input.length, position + part.lengthBytes);
                    byte[] bytes = Arrays.copyOfRange(input, position, end);
                    files.patch(file, part.hostOffset, mend ? mended(part, bytes) : bytes);
                    position = end;
                }
                byte[] log = Arrays.copyOfRange(input, position, Math.min(input.length, position + MOST_LOG_BYTES));
                files.patch(file, LOG_OFFSET, mend ? mendedLog(log) : log);
                ForeignTarget.use(files, file, ImageFormat.VHDX);
            }
        });
    }

    private static byte[] mended(Part part, byte[] bytes) {
        if (part == HEADER) {
            return withChecksum(bytes, 4096);
        }
        return part == REGIONS ? withChecksum(bytes, 64 << 10) : bytes;
    }

    /** Each sector that says that an entry begins there gets that entry's checksum, as far as the log reaches. */
    private static byte[] mendedLog(byte[] log) {
        byte[] mended = log.clone();
        ByteBuffer numbers = ByteBuffer.wrap(mended).order(ByteOrder.LITTLE_ENDIAN);
        for (int at = 0; at + LOG_SECTOR_BYTES <= mended.length; at += LOG_SECTOR_BYTES) {
            int length = numbers.getInt(at + 8);
            if (numbers.getInt(at) == 0x6567_6f6c && length > 0 && length <= mended.length - at) {
                byte[] entry = withChecksum(Arrays.copyOfRange(mended, at, at + length), length);
                System.arraycopy(entry, 0, mended, at, length);
            }
        }
        return mended;
    }

    private static byte[] withChecksum(byte[] beginning, int lengthBytes) {
        byte[] whole = Arrays.copyOf(beginning, lengthBytes);
        ByteBuffer numbers = ByteBuffer.wrap(whole).order(ByteOrder.LITTLE_ENDIAN);
        numbers.putInt(4, 0);
        CRC32C crc = new CRC32C();
        crc.update(whole);
        numbers.putInt(4, (int) crc.getValue());
        return whole;
    }
}
