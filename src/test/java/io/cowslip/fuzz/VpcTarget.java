package io.cowslip.fuzz;

import io.cowslip.engine.image.options.ImageFormat;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.util.Arrays;

/**
 * A VHD image. The input is the footer, the dynamic header and what follows; the footer is put at the end of the file
 * too, behind zeros. Checksums are made right unless the footer's reserved byte says otherwise.
 */
final class VpcTarget {
    private static final int FOOTER_BYTES = 512;
    private static final int FOOTER_CHECKSUM = 64;
    private static final int HEADER_BYTES = 1024;
    private static final int HEADER_CHECKSUM = 36;
    private static final int UNMENDED = 85;
    private static final long ZERO_BYTES = 4L << 20;

    private VpcTarget() {}

    public static void fuzzerTestOneInput(byte[] input) {
        if (input.length < FOOTER_BYTES) {
            return;
        }
        byte[] content = input.clone();
        if (content[UNMENDED] == 0) {
            mend(content, 0, FOOTER_BYTES, FOOTER_CHECKSUM);
            if (content.length >= FOOTER_BYTES + HEADER_BYTES) {
                mend(content, FOOTER_BYTES, HEADER_BYTES, HEADER_CHECKSUM);
            }
        }
        long sizeBytes = content.length + ZERO_BYTES;
        Hostile.within(() -> {
            try (MemoryFiles files = new MemoryFiles()) {
                Path file = files.put("image", content, sizeBytes);
                files.patch(file, sizeBytes - FOOTER_BYTES, Arrays.copyOf(content, FOOTER_BYTES));
                ForeignTarget.use(files, file, ImageFormat.VPC);
            }
        });
    }

    private static void mend(byte[] content, int offset, int length, int checksum) {
        ByteBuffer bytes = ByteBuffer.wrap(content);
        bytes.putInt(offset + checksum, 0);
        int sum = 0;
        for (int index = offset; index < offset + length; index++) {
            sum += Byte.toUnsignedInt(content[index]);
        }
        bytes.putInt(offset + checksum, ~sum);
    }
}
