package io.cowslip.engine.image;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import com.sun.management.ThreadMXBean;
import io.cowslip.engine.ImageException;
import io.cowslip.engine.ImageException.Kind;
import io.cowslip.engine.image.create.ImageCreator;
import io.cowslip.engine.image.options.CreateOptions;
import io.cowslip.engine.image.options.CreateOptions.CompressionType;
import io.cowslip.engine.image.options.EncryptOptions;
import io.cowslip.engine.image.options.ImageFormat;
import io.cowslip.engine.image.options.ImageOptions;
import io.cowslip.engine.image.options.Secret;
import io.cowslip.fuzz.Hostile;
import io.cowslip.fuzz.MemoryFiles;
import io.cowslip.testing.ImageBytes;
import io.cowslip.testing.TestImages;
import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * Every number of a header that attacks on image services have used, each in a file of a few KiB: refused by its name
 * before anything is allocated by it or a second read is made.
 */
final class HostileHeadersTest {
    private static final ThreadMXBean THREADS = (ThreadMXBean) ManagementFactory.getThreadMXBean();

    private static final int CLUSTER_BYTES = 512;
    private static final int REFCOUNT_TABLE_CLUSTERS = 56;
    private static final int REFCOUNT_ORDER = 96;
    private static final int BITMAPS_EXTENSION = 0x2385_2875;
    private static final int LUKS_EXTENSION = 0x0537_be77;

    /** The examination reads at most 64 KiB and copies less. */
    private static final long MOST_HEAP_BYTES = 256 << 10;

    @TempDir
    static Path folder;

    private static byte[] sound = new byte[0];

    /**
     * @param source the attack on record, or what it is like
     * @param field what the refusal must name
     */
    private record Attack(String source, String field, Kind kind, List<Edit> edits) {
        @Override
        public String toString() {
            return source + ": " + field;
        }
    }

    /** A number put in the place of another. */
    private record Edit(int offset, int bytes, long value) {}

    @BeforeAll
    static void make() throws IOException {
        Path file = folder.resolve("sound");
        ImageCreator.create(
                file,
                new CreateOptions(ImageFormat.QCOW2, 1L << 20, CLUSTER_BYTES, null, null, 16, CompressionType.ZLIB, 3),
                TestEnvironments.plain());
        sound = Files.readAllBytes(file);
    }

    static Stream<Attack> attacks() {
        List<Attack> attacks = new ArrayList<>();
        add(attacks, "google/osv-scalibr#1995", "cluster_bits", 33, 4, ImageBytes.CLUSTER_BITS);
        add(attacks, "CVE-2014-0143, shift by the cluster size", "cluster_bits", 8, 4, ImageBytes.CLUSTER_BITS);
        add(attacks, "CVE-2014-0143, shift by the cluster size", "cluster_bits", -1, 4, ImageBytes.CLUSTER_BITS);
        add(attacks, "google/osv-scalibr#1997", "extension", 0xffff_ffffL, 4, 112 + 4);
        add(attacks, "an extension one byte past its cluster", "extension", CLUSTER_BYTES - 119, 4, 112 + 4);
        add(attacks, "CVE-2014-0144, header", "header_length", 0, 4, ImageBytes.HEADER_LENGTH);
        add(attacks, "CVE-2014-0144, header", "header_length", 105, 4, ImageBytes.HEADER_LENGTH);
        add(attacks, "CVE-2014-0144, header", "header_length", 520, 4, ImageBytes.HEADER_LENGTH);
        add(attacks, "CVE-2014-0144, header", "header_length", 0x8000_0000L, 4, ImageBytes.HEADER_LENGTH);
        add(attacks, "CVE-2014-0142, refcount width", "refcount_order", 7, 4, REFCOUNT_ORDER);
        add(attacks, "CVE-2014-0142, refcount width", "refcount_order", 0xffff_ffffL, 4, REFCOUNT_ORDER);
        add(attacks, "CVE-2014-0223, L1 size", "l1_size", 0x7fff_ffff, 4, ImageBytes.L1_ENTRIES);
        add(attacks, "CVE-2014-0223, L1 size", "l1_size", (32 << 20) / 8 + 1, 4, ImageBytes.L1_ENTRIES);
        add(attacks, "CVE-2014-0223, L1 size", "l1_size", 1, 4, ImageBytes.L1_ENTRIES);
        add(attacks, "CVE-2014-0222, L1 in the file", "l1_table_offset", (32 << 20) / 8, 4, ImageBytes.L1_ENTRIES);
        add(attacks, "an L1 table between clusters", "l1_table_offset", 520, 8, ImageBytes.L1_TABLE);
        add(attacks, "an L1 table on the header", "l1_table_offset", 0, 8, ImageBytes.L1_TABLE);
        add(attacks, "an L1 table past the end", "l1_table_offset", 1L << 40, 8, ImageBytes.L1_TABLE);
        add(attacks, "an L1 table past all", "l1_table_offset", Long.MIN_VALUE, 8, ImageBytes.L1_TABLE);
        add(attacks, "CVE-2014-0146, virtual size", "l1_size", Long.MAX_VALUE, 8, ImageBytes.VIRTUAL_SIZE);
        add(attacks, "CVE-2014-0146, virtual size", "size", -512, 8, ImageBytes.VIRTUAL_SIZE);
        add(attacks, "CVE-2014-0147", "refcount_table_clusters", 0x7fff_ffff, 4, REFCOUNT_TABLE_CLUSTERS);
        add(attacks, "CVE-2014-0147", "refcount_table_clusters", (8 << 20) / 512 + 1, 4, REFCOUNT_TABLE_CLUSTERS);
        add(attacks, "cloud-hypervisor#8679", "refcount_table_offset", (8 << 20) / 512, 4, REFCOUNT_TABLE_CLUSTERS);
        add(attacks, "no refcounts at all", "refcount_table_clusters", 0, 4, REFCOUNT_TABLE_CLUSTERS);
        add(attacks, "a refcount table on the header", "refcount_table_offset", 0, 8, ImageBytes.REFCOUNT_TABLE);
        add(attacks, "a refcount table past the end", "refcount_table_offset", 1L << 55, 8, ImageBytes.REFCOUNT_TABLE);
        add(attacks, "CVE-2014-0145", "nb_snapshots", 65537, 4, ImageBytes.SNAPSHOT_COUNT);
        add(attacks, "CVE-2014-0145", "nb_snapshots", 0xffff_ffffL, 4, ImageBytes.SNAPSHOT_COUNT);
        add(attacks, "CVE-2014-0145, no table", "snapshots_offset", 1, 4, ImageBytes.SNAPSHOT_COUNT);
        add(attacks, "a backing name past the cluster", "backing_file_offset", 4096, 8, 8);
        add(attacks, "a backing name in the header", "backing_file_offset", 8, 8, 8);
        attacks.add(of("a backing name of a KiB", "backing_file_size", new Edit(8, 8, 504), new Edit(16, 4, 1024)));
        add(attacks, "encryption that nobody has", "crypt_method", 3, 4, 32);
        add(attacks, "compression that nobody has", "compression", 2, 1, ImageBytes.COMPRESSION_TYPE);
        add(attacks, "zstd without its bit", "compression_type", 1, 1, ImageBytes.COMPRESSION_TYPE);
        attacks.add(new Attack(
                "CVE-2024-32498, unknown bits",
                "bit 63",
                Kind.UNSUPPORTED_FEATURE,
                List.of(new Edit(ImageBytes.INCOMPATIBLE, 8, Long.MIN_VALUE))));
        attacks.add(new Attack(
                "a version that nobody has", "version", Kind.UNSUPPORTED_FEATURE, List.of(new Edit(4, 4, 4))));
        return attacks.stream();
    }

    private static void add(List<Attack> attacks, String source, String field, long value, int bytes, int offset) {
        Kind kind = field.equals("compression") ? Kind.UNSUPPORTED_FEATURE : Kind.INVALID_FORMAT;
        attacks.add(new Attack(source, field, kind, List.of(new Edit(offset, bytes, value))));
    }

    private static Attack of(String source, String field, Edit... edits) {
        return new Attack(source, field, Kind.INVALID_FORMAT, List.of(edits));
    }

    @ParameterizedTest
    @MethodSource("attacks")
    void isRefusedByNameBeforeAnythingIsAllocated(Attack attack) {
        byte[] image = edited(attack.edits());
        assertRefused(open(image), attack);

        long before = THREADS.getCurrentThreadAllocatedBytes();
        ImageException refused = open(image);
        long heapBytes = THREADS.getCurrentThreadAllocatedBytes() - before;

        assertRefused(refused, attack);
        assertThat(heapBytes).as("heap").isLessThan(MOST_HEAP_BYTES);
    }

    /** What only some openings look at: the places of bitmaps and of the encryption header. */
    @Test
    void extensionsThatLeadOutOfTheFileAreRefused() {
        for (long offset : new long[] {0, 520, 1L << 40, -512}) {
            ByteBuffer luks = ByteBuffer.wrap(edited(List.of(new Edit(32, 4, 2))));
            luks.putInt(112, LUKS_EXTENSION)
                    .putInt(116, 16)
                    .putLong(120, offset)
                    .putLong(128, 4096);
            assertThat(open(
                            luks.array(),
                            ImageOptions.defaults().withEncrypt(new EncryptOptions(null, Secret.of("x"), null))))
                    .hasMessageContaining("encryption header");

            ByteBuffer bitmaps = ByteBuffer.wrap(edited(List.of(new Edit(ImageBytes.AUTOCLEAR, 8, 1))));
            bitmaps.putInt(112, BITMAPS_EXTENSION).putInt(116, 24).putInt(120, 1);
            bitmaps.putLong(128, 64).putLong(136, offset);
            assertThat(open(bitmaps.array(), ImageOptions.defaults())).hasMessageContaining("bitmap");
        }
    }

    /** A table may be longer than the disk needs (microsoft/openvmm#4347), as long as it lies in the file. */
    @Test
    void tablesMayBeLongerThanNeededWithinTheFile() throws IOException {
        byte[] longer = java.util.Arrays.copyOf(sound, sound.length + (1 << 20));
        ByteBuffer header = ByteBuffer.wrap(longer);
        int tableOffset = Math.ceilDiv(sound.length, CLUSTER_BYTES) * CLUSTER_BYTES;
        header.putInt(ImageBytes.L1_ENTRIES, 100_000).putLong(ImageBytes.L1_TABLE, tableOffset);
        MemoryFiles files = new MemoryFiles();
        Path file = files.put("image", longer);
        try (DiskImage image = DiskImage.open(file, TestImages.readOnly(), Hostile.environment(files))) {
            assertThat(TestImages.read(image, 0, 1 << 20)).containsOnly(0);
        }
    }

    private static void assertRefused(ImageException refused, Attack attack) {
        assertThat(refused).isNotNull().hasMessageContaining(attack.field());
        assertThat(refused.kind()).isEqualTo(attack.kind());
    }

    private static ImageException open(byte[] image) {
        return open(image, TestImages.readOnly());
    }

    private static ImageException open(byte[] image, ImageOptions options) {
        try (MemoryFiles files = new MemoryFiles()) {
            Path file = files.put("image", image);
            return catchThrowableOfType(ImageException.class, () -> {
                try (DiskImage opened = DiskImage.open(file, options, Hostile.environment(files))) {
                    opened.bitmaps().list();
                }
            });
        }
    }

    private static byte[] edited(List<Edit> edits) {
        byte[] image = sound.clone();
        ByteBuffer bytes = ByteBuffer.wrap(image);
        for (Edit edit : edits) {
            switch (edit.bytes()) {
                case 8 -> bytes.putLong(edit.offset(), edit.value());
                case 4 -> bytes.putInt(edit.offset(), (int) edit.value());
                default -> bytes.put(edit.offset(), (byte) edit.value());
            }
        }
        return image;
    }
}
