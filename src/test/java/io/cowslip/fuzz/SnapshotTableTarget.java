package io.cowslip.fuzz;

import io.cowslip.engine.format.ImageGeometry;
import io.cowslip.engine.format.SnapshotTable;
import java.io.IOException;
import java.lang.foreign.MemorySegment;

/** A snapshot table. The input's first two bytes are the number of records, the third tells of the image around it. */
final class SnapshotTableTarget {
    private SnapshotTableTarget() {}

    public static void fuzzerTestOneInput(byte[] input) {
        if (input.length >= 3) {
            Hostile.within(() -> examine(input));
        }
    }

    private static void examine(byte[] input) throws IOException {
        int count = Byte.toUnsignedInt(input[0]) << 8 | Byte.toUnsignedInt(input[1]);
        ImageGeometry geometry = new ImageGeometry(9 + (input[2] & 7), 1 << 20, 4, false);
        MemorySegment bytes = MemorySegment.ofArray(input).asSlice(3);
        SnapshotTable table = SnapshotTable.parse(bytes, count, geometry, 1L << 30);
        if (table == null) {
            return;
        }
        if (table.snapshots().size() != count || table.sizeBytes() > bytes.byteSize()) {
            throw new AssertionError(
                    table.snapshots().size() + " snapshots of " + count + " in " + table.sizeBytes() + " bytes");
        }
        table.nextId();
        table.find("1");
        SnapshotTable again = SnapshotTable.parse(table.toBytes(), count, geometry, 1L << 30);
        if (again == null || again.toBytes().mismatch(table.toBytes()) >= 0) {
            throw new AssertionError("the table that was written says something else");
        }
    }
}
