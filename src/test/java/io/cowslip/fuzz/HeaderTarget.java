package io.cowslip.fuzz;

import io.cowslip.engine.format.BitmapDirectory;
import io.cowslip.engine.format.ImageHeader;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;

/**
 * The header with its extensions, the first and bounded step of every opening. The input's first byte says how large the
 * file is, the rest is its beginning. A header that is taken and written again says the same.
 */
final class HeaderTarget {
    private HeaderTarget() {}

    public static void fuzzerTestOneInput(byte[] input) {
        if (input.length > 1) {
            MemorySegment start = MemorySegment.ofArray(input).asSlice(1);
            Hostile.within(() -> examine(start, fileSizeBytes(input[0], start.byteSize())));
        }
    }

    private static long fileSizeBytes(byte choice, long startBytes) {
        return switch (choice & 3) {
            case 0 -> startBytes;
            case 1 -> startBytes + (1 << 20);
            case 2 -> 1L << 40;
            default -> Long.MAX_VALUE;
        };
    }

    private static void examine(MemorySegment start, long fileSizeBytes) throws IOException {
        ImageHeader header = ImageHeader.parse(start, fileSizeBytes);
        header.geometry();
        header.backingFormat();
        header.dataFileName();
        Hostile.refusable(() -> header.requireSupported(false));
        Hostile.refusable(() -> header.requireSupported(true));
        Hostile.refusable(() -> header.encryptionArea(fileSizeBytes));
        Hostile.refusable(() -> {
            BitmapDirectory directory = header.bitmapDirectory(fileSizeBytes);
            if (directory != null && directory.sizeBytes() > BitmapDirectory.MAX_SIZE_BYTES) {
                throw new AssertionError(directory.toString());
            }
        });
        if (header.sizeBytes() <= header.clusterBytes()) {
            requireSameAgain(header, fileSizeBytes);
        }
    }

    private static void requireSameAgain(ImageHeader header, long fileSizeBytes) throws IOException {
        byte[] written = header.toBytes();
        byte[] again =
                ImageHeader.parse(MemorySegment.ofArray(written), fileSizeBytes).toBytes();
        if (!Arrays.equals(written, again)) {
            throw new AssertionError(
                    "the header that was written says something else: byte " + Arrays.mismatch(written, again));
        }
    }
}
