package io.cowslip.engine.image.bitmap;

import static org.assertj.core.api.Assertions.assertThat;

import io.cowslip.engine.format.BitmapDirectory;
import io.cowslip.engine.format.ImageHeader;
import io.cowslip.engine.image.DiskImage;
import io.cowslip.testing.ImageBytes;
import io.cowslip.testing.NeedsQemu;
import io.cowslip.testing.QemuTools;
import io.cowslip.testing.TestImages;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Objects;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Bitmaps that lead where they should not. */
@NeedsQemu
final class HostileBitmapsTest {
    private static final int CLUSTER = 512;
    private static final int MANY_ENTRIES = 4096;

    @TempDir
    Path folder;

    /** Nothing remembers so many, and the guest keeps the one cluster that they all lead to. */
    @Test
    void aBitmapWithMoreClustersThanTheFileLeaksThem() throws IOException {
        Path file = QemuTools.create(folder.resolve("image"), 16 * CLUSTER, "cluster_size=" + CLUSTER);
        QemuTools.edit(file, "write -P 7 0 8k");
        QemuTools.img("bitmap", "--add", file.toString(), "many").succeeded();
        ImageBytes bytes = new ImageBytes(file);
        long data = ImageBytes.placeOf(bytes.l2(3));
        long table = (Files.size(file) + CLUSTER - 1) / CLUSTER * CLUSTER;
        for (int entry = 0; entry < MANY_ENTRIES; entry++) {
            bytes.put(table + (long) entry * Long.BYTES, data);
        }
        byte[] all = Files.readAllBytes(file);
        BitmapDirectory directory = Objects.requireNonNull(
                ImageHeader.parse(MemorySegment.ofArray(all), all.length).bitmapDirectory(all.length));
        bytes.put(
                directory.hostOffset(),
                ByteBuffer.allocate(12).putLong(table).putInt(MANY_ENTRIES).flip());

        try (DiskImage image = TestImages.open(file)) {
            image.bitmaps().delete("many");
            image.flush();
            assertThat(image.isCorrupt()).isFalse();
            TestImages.write(image, 4 * CLUSTER, TestImages.filled(CLUSTER, 8));
        }
        assertThat(bytes.bytes(bytes.refcount(data), Short.BYTES).getShort()).isEqualTo((short) 1);
    }
}
