package io.cowslip.engine.image;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.cowslip.engine.ImageException;
import io.cowslip.engine.image.options.Preallocation;
import io.cowslip.engine.work.WorkObserver;
import io.cowslip.testing.ImageBytes;
import io.cowslip.testing.NeedsQemu;
import io.cowslip.testing.QemuTools;
import io.cowslip.testing.TestImages;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Counts that call a table's cluster free: what lets go of free clusters finds that before the table is gone. */
@NeedsQemu
final class WrongCountsTest {
    private static final int CLUSTER = 512;
    private static final int DISK = 8 * CLUSTER;
    private static final long CORRUPT = 2;

    @TempDir
    Path folder;

    private Path file;
    private ImageBytes bytes;

    @BeforeEach
    void create() throws IOException {
        file = QemuTools.create(folder.resolve("image"), DISK, "cluster_size=" + CLUSTER);
        QemuTools.edit(file, "write -P 7 0 1024");
        bytes = new ImageBytes(file);
    }

    /** Behind the last cluster that is counted. */
    @Test
    void aDiskThatShrinksDoesNotCutItsTableOff() throws IOException {
        long end = end();
        moveTableTo(end + CLUSTER);
        isRefused(this::shrink, end + CLUSTER);
    }

    /** Where a whole block of counts has none. */
    @Test
    void aDiskThatShrinksKeepsTheBlockThatHasToCountItsTable() throws IOException {
        long ofNextBlock = (long) CLUSTER / Short.BYTES * CLUSTER;
        bytes.put(ofNextBlock, ByteBuffer.allocate(CLUSTER));
        bytes.put(bytes.number(ImageBytes.REFCOUNT_TABLE) + Long.BYTES, ofNextBlock);
        bytes.putRefcount(ofNextBlock, 1);
        moveTableTo(ofNextBlock + 4 * CLUSTER);
        isRefused(this::shrink, ofNextBlock + 4 * CLUSTER);
        assertThat(bytes.number(bytes.number(ImageBytes.REFCOUNT_TABLE) + Long.BYTES))
                .isEqualTo(ofNextBlock);
    }

    /** Amid those that are counted. Whoever asks for it has the counts checked first. */
    @Test
    void whatIsMadeSmallerKeepsItsTable() throws IOException {
        long table = end() + 20 * CLUSTER;
        moveTableTo(table);
        bytes.put(table + CLUSTER, ByteBuffer.allocate(CLUSTER));
        bytes.putRefcount(table + CLUSTER, 1);
        bytes.put(bytes.l1Entry(0), table);
        isRefused(this::compact, table);
    }

    /** An entry behind the disk's end, that leads far behind the file's, is nobody's. */
    @Test
    void whatIsMadeSmallerMayLeadAnywhere() throws IOException {
        bytes.put(bytes.l2Entry(DISK / CLUSTER + 1), 1L << 45 | ImageBytes.COPIED);
        compact();
        isKept();
    }

    private long end() throws IOException {
        return (file.toFile().length() + CLUSTER - 1) / CLUSTER * CLUSTER;
    }

    private void moveTableTo(long place) throws IOException {
        long old = ImageBytes.placeOf(bytes.number(bytes.l1Entry(0)));
        bytes.put(place, bytes.bytes(old, CLUSTER));
        bytes.put(bytes.l1Entry(0), place | ImageBytes.COPIED);
    }

    private void shrink() throws IOException {
        try (DiskImage image = TestImages.open(file)) {
            image.resize(DISK - CLUSTER, true, Preallocation.OFF);
        }
    }

    private void compact() throws IOException {
        try (DiskImage image = TestImages.open(file)) {
            image.compact(WorkObserver.NONE);
        }
    }

    private void isRefused(ThrowingCallable change, long table) throws IOException {
        assertThatThrownBy(change)
                .isInstanceOfSatisfying(
                        ImageException.class,
                        refused -> assertThat(refused.kind()).isEqualTo(ImageException.Kind.CORRUPT));
        assertThat(bytes.number(ImageBytes.INCOMPATIBLE) & CORRUPT).isEqualTo(CORRUPT);
        assertThat(bytes.number(table) & ImageBytes.COPIED).isNotZero();
        isKept();
    }

    private void isKept() throws IOException {
        try (DiskImage image = TestImages.openReadOnly(file)) {
            assertThat(TestImages.read(image, 0, 1024)).isEqualTo(TestImages.filled(1024, 7));
        }
    }
}
