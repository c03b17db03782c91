package io.cowslip.fuzz;

import io.cowslip.engine.format.BitmapDirectory;
import io.cowslip.engine.format.BitmapEntry;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.util.List;

/** A directory of bitmaps. The input's first byte is the number of entries. */
final class BitmapDirectoryTarget {
    private BitmapDirectoryTarget() {}

    public static void fuzzerTestOneInput(byte[] input) {
        if (input.length > 1) {
            Hostile.within(() -> examine(input));
        }
    }

    private static void examine(byte[] input) throws IOException {
        BitmapDirectory directory = new BitmapDirectory(512, input.length - 1, Byte.toUnsignedInt(input[0]));
        List<BitmapEntry> entries =
                directory.entries(MemorySegment.ofArray(input).asSlice(1));
        for (BitmapEntry entry : entries) {
            entry.isKnown();
            entry.flagNames();
        }
        byte[] written = BitmapDirectory.toBytes(entries);
        List<BitmapEntry> again =
                new BitmapDirectory(512, written.length, entries.size()).entries(MemorySegment.ofArray(written));
        if (again.size() != entries.size()) {
            throw new AssertionError(again.size() + " entries of " + entries.size());
        }
    }
}
