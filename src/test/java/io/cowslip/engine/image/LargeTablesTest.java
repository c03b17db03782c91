package io.cowslip.engine.image;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import io.cowslip.engine.ImageException;
import io.cowslip.engine.image.create.ImageCreator;
import io.cowslip.engine.image.options.CreateOptions;
import io.cowslip.testing.ImageBytes;
import io.cowslip.testing.NeedsQemu;
import io.cowslip.testing.QemuTools;
import io.cowslip.testing.TestImages;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Tables that are longer than any buffer that is kept, as sound images may have them and hostile ones will. */
@NeedsQemu
final class LargeTablesTest {
    private static final int CLUSTER_BYTES = 512;
    private static final int RECORD_BYTES = 40 + 1024 + 8;

    /** Every record with as much extra data as it may have: more than 4 MiB in all. */
    private static final int RECORDS = 5000;

    @TempDir
    Path folder;

    @Test
    void aSnapshotTableOfManyMebibytesIsRead() throws IOException {
        Path file = withSnapshotTable(RECORDS, 1024);

        try (DiskImage image = TestImages.openReadOnly(file)) {
            assertThat(image.snapshots().list()).hasSize(RECORDS);
        }
    }

    @Test
    void aSnapshotTableThatNeverEndsIsRefused() throws IOException {
        Path file = withSnapshotTable(RECORDS, 1024);
        new ImageBytes(file).putShort(ImageBytes.SNAPSHOT_COUNT, RECORDS + 1000);

        assertThatExceptionOfType(ImageException.class)
                .isThrownBy(() -> {
                    try (DiskImage image = TestImages.openReadOnly(file)) {
                        image.snapshots().list();
                    }
                })
                .withMessageContaining("does not end in the file")
                .satisfies(refused -> assertThat(refused.kind()).isEqualTo(ImageException.Kind.INVALID_FORMAT));
    }

    /** The L1 table of a disk of 300 TiB has 5 MiB, and a snapshot a copy of it. */
    @Test
    void aDiskWithAnL1TableOfManyMebibytesHasSnapshots() throws IOException {
        Path file = folder.resolve("image");
        ImageCreator.create(file, CreateOptions.qcow2(300L << 40), TestEnvironments.plain());
        try (DiskImage image = TestImages.open(file)) {
            TestImages.write(image, 250L << 40, TestImages.filled(700, 1));
            image.snapshots().create("one", 1, 0);
            TestImages.write(image, 250L << 40, TestImages.filled(700, 2));
            image.snapshots().revert("one");
            assertThat(TestImages.read(image, 250L << 40, 700)).containsOnly(1);
        }
        assertThat(QemuTools.check(file).clean()).isTrue();
    }

    private Path withSnapshotTable(int records, int extraBytes) throws IOException {
        Path file = QemuTools.create(folder.resolve("snapshots"), 1 << 20, "cluster_size=512");
        long tableOffset = Math.ceilDiv(Files.size(file), CLUSTER_BYTES) * CLUSTER_BYTES;
        ByteBuffer table = ByteBuffer.allocate(records * RECORD_BYTES);
        for (int index = 0; index < records; index++) {
            int at = index * RECORD_BYTES;
            byte[] id = String.format("%04d", index).getBytes();
            table.putShort(at + 12, (short) id.length);
            table.putInt(at + 36, extraBytes);
            table.position(at + 40 + extraBytes).put(id);
        }
        ImageBytes bytes = new ImageBytes(file);
        bytes.put(tableOffset, table.rewind());
        bytes.putShort(ImageBytes.SNAPSHOT_COUNT, records);
        bytes.put(ImageBytes.SNAPSHOT_TABLE, tableOffset);
        return file;
    }
}
