package io.cowslip.fuzz;

import io.cowslip.engine.codec.LuksKeys;
import io.cowslip.engine.format.LuksHeader;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;

/** A LUKS header; what is read of the key material is zeros. Iterations are made few: how many there may be is bounded elsewhere. */
final class LuksTarget {
    private static final int FIRST_SLOT = 208;
    private static final int SLOT_BYTES = 48;
    private static final int DIGEST_ITERATIONS = 164;
    private static final int MOST_ITERATIONS = 7;

    private LuksTarget() {}

    public static void fuzzerTestOneInput(byte[] input) {
        byte[] header = Arrays.copyOf(input, Math.min(input.length, LuksHeader.BYTES));
        Hostile.within(() -> examine(header));
        if (header.length == LuksHeader.BYTES) {
            makeFew(header, DIGEST_ITERATIONS);
            for (int slot = 0; slot < LuksHeader.SLOTS; slot++) {
                makeFew(header, FIRST_SLOT + slot * SLOT_BYTES + Integer.BYTES);
            }
            Hostile.within(() -> unlock(header));
        }
    }

    private static void makeFew(byte[] header, int field) {
        Arrays.fill(header, field, field + 3, (byte) 0);
        header[field + 3] = (byte) (1 + (header[field + 3] & MOST_ITERATIONS));
    }

    private static void examine(byte[] bytes) throws IOException {
        LuksHeader header = LuksHeader.parse(MemorySegment.ofArray(bytes), LuksHeader.MAX_AREA_BYTES);
        byte[] written = header.toBytes();
        if (!Arrays.equals(
                written,
                LuksHeader.parse(MemorySegment.ofArray(written), LuksHeader.MAX_AREA_BYTES)
                        .toBytes())) {
            throw new AssertionError("the header that was written says something else");
        }
    }

    private static void unlock(byte[] bytes) throws IOException {
        LuksHeader header = LuksHeader.parse(MemorySegment.ofArray(bytes), LuksHeader.MAX_AREA_BYTES);
        new LuksKeys(header).find("passphrase".getBytes(), (offset, length) -> {
            if (offset < 0 || offset + length > LuksHeader.MAX_AREA_BYTES) {
                throw new AssertionError("key material of " + length + " bytes at " + offset);
            }
            return new byte[length];
        });
    }
}
