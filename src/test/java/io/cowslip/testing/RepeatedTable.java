package io.cowslip.testing;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Path;

/** A qcow2 file of little, that claims to be a large disk full of data: all of its L1 entries name one L2 table. */
public final class RepeatedTable {
    private static final long TABLE_GUEST_BYTES = 512L << 20;

    private RepeatedTable() {}

    /** Makes such a file, whose data is a hole; {@code sizeBytes} is a multiple of 512 MiB. */
    public static Path make(Path file, long sizeBytes) throws IOException {
        QemuTools.create(file, TABLE_GUEST_BYTES, "preallocation=metadata");
        QemuTools.img("resize", "-f", "qcow2", file.toString(), String.valueOf(sizeBytes))
                .succeeded();
        ImageBytes image = new ImageBytes(file);
        long l1Table = image.number(ImageBytes.L1_TABLE);
        int entries = (int) (sizeBytes / TABLE_GUEST_BYTES);
        ByteBuffer table = ByteBuffer.allocate(entries * Long.BYTES);
        long shared = image.number(l1Table) & ~ImageBytes.COPIED;
        for (int entry = 0; entry < entries; entry++) {
            table.putLong(shared);
        }
        image.put(l1Table, table.flip());
        return file;
    }
}
