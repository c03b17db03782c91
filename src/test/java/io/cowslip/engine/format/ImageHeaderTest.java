package io.cowslip.engine.format;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import io.cowslip.engine.ImageException;
import io.cowslip.engine.ImageException.Kind;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.Random;
import java.util.function.Consumer;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

class ImageHeaderTest {
    private static final long FILE_BYTES = 5 * 65536;
    private static final long GIB = 1L << 30;

    @Test
    void readsTheFieldsOfASoundHeader() throws ImageException {
        ImageHeader header = ImageHeader.parse(sound(), FILE_BYTES);

        assertThat(header.version()).isEqualTo(3);
        assertThat(header.clusterBytes()).isEqualTo(65536);
        assertThat(header.virtualSizeBytes()).isEqualTo(GIB);
        assertThat(header.l1Entries()).isEqualTo(2);
        assertThat(header.l1TableOffset()).isEqualTo(3 * 65536);
        assertThat(header.refcountBits()).isEqualTo(16);
        assertThat(header.backingName()).isNull();
        assertThat(header.geometry().l1EntriesNeeded()).isEqualTo(2);
    }

    @Test
    void keepsWhatItDoesNotKnow() throws ImageException {
        MemorySegment start = sound();
        start.set(BigEndian.LONG, HeaderLayout.COMPATIBLE_FEATURES, 0x8000_0000_0000_0003L);
        start.set(BigEndian.LONG, HeaderLayout.AUTOCLEAR_FEATURES, 0x10);
        start.set(BigEndian.INT, HeaderLayout.HEADER_LENGTH, 128);
        start.set(BigEndian.LONG, 112, 0x0123_4567_89AB_CDEFL);
        start.set(BigEndian.LONG, 120, 0x1122_3344_5566_7788L);
        putExtension(start, 128, 0x7A11_0001, new byte[] {1, 2, 3, 4, 5, 6, 7, 8, 9});
        putExtension(start, 152, HeaderExtension.BACKING_FORMAT, "qcow2".getBytes(StandardCharsets.US_ASCII));
        putBackingName(start, 176, "../base märz.qcow2");

        ImageHeader header = ImageHeader.parse(start, FILE_BYTES);

        byte[] written = header.toBytes();
        assertThat(written).isEqualTo(start.asSlice(0, written.length).toArray(ValueLayout.JAVA_BYTE));
        assertThat(header.sizeBytes()).isEqualTo(written.length);
        assertThat(header.extensions()).hasSize(2);
        assertThat(header.backingFormat()).isEqualTo("qcow2");
        assertThat(header.backingName()).isEqualTo("../base märz.qcow2");
    }

    @Test
    void aShortVersion3HeaderStaysShort() throws ImageException {
        MemorySegment start = sound();
        start.set(BigEndian.INT, HeaderLayout.HEADER_LENGTH, 104);

        ImageHeader header = ImageHeader.parse(start, FILE_BYTES);

        assertThat(header.compressionType()).isEqualTo(ImageHeader.COMPRESSION_ZLIB);
        assertThat(header.toBytes()).isEqualTo(start.asSlice(0, 104 + 8).toArray(ValueLayout.JAVA_BYTE));
    }

    @Test
    void anL1TableMayBeLongerThanNeeded() throws ImageException {
        MemorySegment start = sound();
        start.set(BigEndian.INT, HeaderLayout.L1_ENTRIES, 8192);

        assertThat(ImageHeader.parse(start, FILE_BYTES).l1Entries()).isEqualTo(8192);
    }

    @Test
    void aPartOfASectorAtTheEndOfTheDiskDoesNotCount() throws ImageException {
        MemorySegment start = sound();
        start.set(BigEndian.LONG, HeaderLayout.VIRTUAL_SIZE, 1023L);

        assertThat(ImageHeader.parse(start, FILE_BYTES).virtualSizeBytes()).isEqualTo(512);
    }

    @Test
    void theEndMarkerEndsTheExtensions() throws ImageException {
        MemorySegment start = sound();
        putExtension(start, 120, 0x7A11_0001, new byte[8]);

        assertThat(ImageHeader.parse(start, FILE_BYTES).extensions()).isEmpty();
    }

    @Test
    void aHeaderThatOutgrowsItsClusterIsRefused() throws ImageException {
        MemorySegment start = sound();
        start.set(BigEndian.INT, HeaderLayout.CLUSTER_BITS, 9);
        start.set(BigEndian.LONG, HeaderLayout.VIRTUAL_SIZE, 0);
        putExtension(start, 112, 0x7A11_0001, new byte[376]);
        ImageHeader full = ImageHeader.parse(start, FILE_BYTES);
        assertThat(full.toBytes()).hasSize(112 + 384 + 8);

        putBackingName(start, 504, "12345678");
        assertThat(ImageHeader.parse(start, FILE_BYTES).toBytes()).hasSize(512);
        putBackingName(start, 500, "123456789");
        ImageHeader tooLong = ImageHeader.parse(start, FILE_BYTES);

        ImageException refusal = catchThrowableOfType(ImageException.class, tooLong::toBytes);
        assertThat(refusal.kind()).isEqualTo(Kind.NO_SPACE);
    }

    @ParameterizedTest(name = "{0}")
    @MethodSource("malformed")
    void refusesAMalformedHeader(String field, Consumer<MemorySegment> damage, Kind kind) {
        MemorySegment start = sound();
        damage.accept(start);

        ImageException refusal = refusalOf(start, FILE_BYTES);

        assertThat(refusal.kind()).isEqualTo(kind);
        assertThat(refusal).hasMessageContaining(field);
    }

    static Stream<Arguments> malformed() {
        return Stream.of(
                invalid("QFI", header -> header.set(BigEndian.INT, 0, 0x5146_49FA)),
                bad("version", HeaderLayout.VERSION, 1, Kind.UNSUPPORTED_FEATURE),
                bad("version", HeaderLayout.VERSION, 4, Kind.UNSUPPORTED_FEATURE),
                bad("cluster_bits", HeaderLayout.CLUSTER_BITS, 8),
                bad("cluster_bits", HeaderLayout.CLUSTER_BITS, 22),
                bad("cluster_bits", HeaderLayout.CLUSTER_BITS, 33),
                bad("cluster_bits", HeaderLayout.CLUSTER_BITS, -1),
                badLong("size", HeaderLayout.VIRTUAL_SIZE, -1),
                badLong("l1_size", HeaderLayout.VIRTUAL_SIZE, Long.MAX_VALUE),
                badLong("l1_size", HeaderLayout.VIRTUAL_SIZE, GIB + 512),
                bad("crypt_method", HeaderLayout.CRYPT_METHOD, 3),
                bad("l1_size", HeaderLayout.L1_ENTRIES, 1),
                bad("l1_size", HeaderLayout.L1_ENTRIES, (4 << 20) + 1),
                bad("l1_size", HeaderLayout.L1_ENTRIES, -1),
                bad("l1_table_offset", HeaderLayout.L1_ENTRIES, 3 * 8192),
                badLong("l1_table_offset", HeaderLayout.L1_TABLE_OFFSET, 3 * 65536 + 512),
                badLong("l1_table_offset", HeaderLayout.L1_TABLE_OFFSET, 0),
                badLong("l1_table_offset", HeaderLayout.L1_TABLE_OFFSET, FILE_BYTES),
                badLong("l1_table_offset", HeaderLayout.L1_TABLE_OFFSET, Long.MAX_VALUE & -65536),
                badLong("l1_table_offset", HeaderLayout.L1_TABLE_OFFSET, -65536),
                badLong("refcount_table_offset", HeaderLayout.REFCOUNT_TABLE_OFFSET, 0),
                badLong("refcount_table_offset", HeaderLayout.REFCOUNT_TABLE_OFFSET, 65537),
                badLong("refcount_table_offset", HeaderLayout.REFCOUNT_TABLE_OFFSET, FILE_BYTES),
                bad("refcount_table_clusters", HeaderLayout.REFCOUNT_TABLE_CLUSTERS, 0),
                bad("refcount_table_clusters", HeaderLayout.REFCOUNT_TABLE_CLUSTERS, 129),
                bad("refcount_table_offset", HeaderLayout.REFCOUNT_TABLE_CLUSTERS, 128),
                bad("nb_snapshots", HeaderLayout.SNAPSHOT_COUNT, 65537),
                bad("nb_snapshots", HeaderLayout.SNAPSHOT_COUNT, -1),
                bad("snapshots_offset", HeaderLayout.SNAPSHOT_COUNT, 1),
                bad("refcount_order", HeaderLayout.REFCOUNT_ORDER, 7),
                bad("header_length", HeaderLayout.HEADER_LENGTH, 72),
                bad("header_length", HeaderLayout.HEADER_LENGTH, 108),
                bad("header_length", HeaderLayout.HEADER_LENGTH, 65544),
                bad("header_length", HeaderLayout.HEADER_LENGTH, -8),
                badLong("incompatible bit 5", HeaderLayout.INCOMPATIBLE_FEATURES, 32, Kind.UNSUPPORTED_FEATURE),
                badLong("compression_type", HeaderLayout.INCOMPATIBLE_FEATURES, 8),
                bad("compression_type", HeaderLayout.COMPRESSION_TYPE, 1 << 24),
                bad("compression type 2", HeaderLayout.COMPRESSION_TYPE, 2 << 24, Kind.UNSUPPORTED_FEATURE),
                badLong("backing_file_offset", HeaderLayout.BACKING_NAME_OFFSET, 8),
                badLong("backing_file_offset", HeaderLayout.BACKING_NAME_OFFSET, 65537),
                badLong("backing_file_offset", HeaderLayout.BACKING_NAME_OFFSET, -1),
                invalid("backing_file_size", header -> putBackingName(header, 120, "x".repeat(1024))),
                invalid("backing_file_size", header -> putBackingName(header, 65530, "1234567")),
                invalid("zero byte", header -> putBackingName(header, 120, "a\0b")),
                invalid("UTF-8", header -> {
                    putBackingName(header, 120, "ab");
                    header.set(ValueLayout.JAVA_BYTE, 121, (byte) 0xFF);
                }),
                invalid("header extension begins at 128", header -> {
                    putExtension(header, 112, 0x7A11_0001, new byte[8]);
                    putExtension(header, 128, 0x7A11_0002, new byte[8]);
                    header.set(BigEndian.LONG, 8, 135);
                }),
                invalid("extension 0x7a110001", header -> {
                    putExtension(header, 112, 0x7A11_0001, new byte[8]);
                    header.set(BigEndian.INT, 116, -1);
                }),
                invalid("extension 0x7a110001", header -> {
                    putExtension(header, 112, 0x7A11_0001, new byte[8]);
                    putBackingName(header, 127, "base");
                }),
                invalid(
                        "backing format",
                        header -> putExtension(header, 112, HeaderExtension.BACKING_FORMAT, new byte[16])),
                invalid("extended L2", header -> {
                    header.set(BigEndian.LONG, HeaderLayout.INCOMPATIBLE_FEATURES, Features.EXTENDED_L2);
                    header.set(BigEndian.INT, HeaderLayout.CLUSTER_BITS, 13);
                    header.set(BigEndian.LONG, HeaderLayout.VIRTUAL_SIZE, 0);
                }));
    }

    @Test
    void refusesEveryCutOfASoundHeader() {
        MemorySegment start = sound();
        for (int length = 0; length < 112; length++) {
            assertThat(refusalOf(start.asSlice(0, length), length).kind()).isEqualTo(Kind.INVALID_FORMAT);
        }
    }

    /** Whatever the bytes are: a header within the file, that can be written again, or a refusal. */
    @ParameterizedTest
    @ValueSource(longs = {1, 2, 3, 4})
    void randomDamageIsReadOrRefused(long seed) throws ImageException {
        Random random = new Random(seed);
        int readable = 0;
        for (int round = 0; round < 20_000; round++) {
            MemorySegment start = sound().asSlice(0, 4096);
            putExtension(start, 112, HeaderExtension.BACKING_FORMAT, new byte[] {'r', 'a', 'w'});
            putBackingName(start, 136, "base");
            for (int damage = random.nextInt(1, 4); damage > 0; damage--) {
                byte[] interesting = {0, 1, -1, 127, -128, (byte) random.nextInt()};
                start.set(ValueLayout.JAVA_BYTE, random.nextInt(144), interesting[random.nextInt(6)]);
            }
            ImageHeader header = readOrRefused(start);
            if (header != null) {
                readable++;
                assertThat(header.l1Entries() * 8L).isLessThan(FILE_BYTES);
                assertThat(header.sizeBytes()).isLessThan(8192);
                if (header.sizeBytes() <= header.clusterBytes()) {
                    assertThat(header.toBytes()).hasSize(header.sizeBytes());
                }
            }
        }
        assertThat(readable).isPositive();
    }

    private static @Nullable ImageHeader readOrRefused(MemorySegment start) {
        try {
            return ImageHeader.parse(start, FILE_BYTES);
        } catch (ImageException e) {
            assertThat(e.kind()).isIn(Kind.INVALID_FORMAT, Kind.UNSUPPORTED_FEATURE);
            return null;
        }
    }

    @Test
    void namesAnUnknownIncompatibleBitAsTheImageDoes() {
        MemorySegment start = sound();
        start.set(BigEndian.LONG, HeaderLayout.INCOMPATIBLE_FEATURES, 1L << 40);
        byte[] names = new byte[96];
        names[0] = 1;
        names[1] = 40;
        names[2] = 'n';
        names[48] = 0;
        names[49] = 40;
        byte[] name = "time travel\u0007".getBytes(StandardCharsets.US_ASCII);
        System.arraycopy(name, 0, names, 50, name.length);
        putExtension(start, 112, HeaderExtension.FEATURE_NAMES, names);

        ImageException refusal = refusalOf(start, FILE_BYTES);

        assertThat(refusal.kind()).isEqualTo(Kind.UNSUPPORTED_FEATURE);
        assertThat(refusal).hasMessageContaining("\"time travel?\" (incompatible bit 40)");
    }

    @ParameterizedTest(name = "{0}")
    @MethodSource("unsupported")
    void refusesWhatItDoesNotDo(String feature, Consumer<MemorySegment> use, boolean readable) throws ImageException {
        MemorySegment start = sound();
        use.accept(start);
        ImageHeader header = ImageHeader.parse(start, FILE_BYTES);

        ImageException refusal = catchThrowableOfType(ImageException.class, () -> header.requireSupported(true));

        assertThat(refusal.kind()).isEqualTo(Kind.UNSUPPORTED_FEATURE);
        assertThat(refusal).hasMessageContaining(feature);
        ImageException whenReading = catchThrowableOfType(ImageException.class, () -> header.requireSupported(false));
        assertThat(whenReading == null).isEqualTo(readable);
    }

    static Stream<Arguments> unsupported() {
        return Stream.of(
                Arguments.of("corrupt", incompatible(Features.CORRUPT), true),
                Arguments.of(
                        "first encryption",
                        (Consumer<MemorySegment>) header -> header.set(BigEndian.INT, HeaderLayout.CRYPT_METHOD, 1),
                        true),
                Arguments.of(
                        "internal snapshots (1) and its data in another file",
                        (Consumer<MemorySegment>) header -> {
                            header.set(BigEndian.LONG, HeaderLayout.INCOMPATIBLE_FEATURES, Features.EXTERNAL_DATA_FILE);
                            header.set(BigEndian.INT, HeaderLayout.SNAPSHOT_COUNT, 1);
                            header.set(BigEndian.LONG, HeaderLayout.SNAPSHOT_TABLE_OFFSET, 4 * 65536L);
                        },
                        true));
    }

    @Test
    void writingClearsAutoclearBitsButThatOfTheBitmapsAndNothingElse() throws ImageException {
        MemorySegment start = sound();
        start.set(BigEndian.LONG, HeaderLayout.COMPATIBLE_FEATURES, 0x8000_0000_0000_0001L);
        start.set(BigEndian.LONG, HeaderLayout.AUTOCLEAR_FEATURES, -1);

        Features features = ImageHeader.parse(start, FILE_BYTES).forWriting().features();

        assertThat(features).isEqualTo(new Features(0, 0x8000_0000_0000_0001L, Features.BITMAPS));
    }

    private static Consumer<MemorySegment> incompatible(long bits) {
        return header -> header.set(BigEndian.LONG, HeaderLayout.INCOMPATIBLE_FEATURES, bits);
    }

    private static Arguments bad(String field, int offset, int value) {
        return bad(field, offset, value, Kind.INVALID_FORMAT);
    }

    private static Arguments bad(String field, int offset, int value, Kind kind) {
        return Arguments.of(field, (Consumer<MemorySegment>) header -> header.set(BigEndian.INT, offset, value), kind);
    }

    private static Arguments badLong(String field, int offset, long value) {
        return badLong(field, offset, value, Kind.INVALID_FORMAT);
    }

    private static Arguments badLong(String field, int offset, long value, Kind kind) {
        return Arguments.of(field, (Consumer<MemorySegment>) header -> header.set(BigEndian.LONG, offset, value), kind);
    }

    private static Arguments invalid(String field, Consumer<MemorySegment> damage) {
        return Arguments.of(field, damage, Kind.INVALID_FORMAT);
    }

    private static ImageException refusalOf(MemorySegment start, long fileSizeBytes) {
        ImageException refusal =
                catchThrowableOfType(ImageException.class, () -> ImageHeader.parse(start, fileSizeBytes));
        assertThat(refusal).isNotNull();
        return refusal;
    }

    /** 1 GiB in 64 KiB clusters: header, refcount table, refcount block, L1 table, one cluster more. */
    private static MemorySegment sound() {
        MemorySegment header = MemorySegment.ofArray(new byte[HeaderLayout.MAX_BYTES_READ]);
        header.set(BigEndian.INT, 0, HeaderLayout.MAGIC);
        header.set(BigEndian.INT, HeaderLayout.VERSION, 3);
        header.set(BigEndian.INT, HeaderLayout.CLUSTER_BITS, 16);
        header.set(BigEndian.LONG, HeaderLayout.VIRTUAL_SIZE, GIB);
        header.set(BigEndian.INT, HeaderLayout.L1_ENTRIES, 2);
        header.set(BigEndian.LONG, HeaderLayout.L1_TABLE_OFFSET, 3 * 65536L);
        header.set(BigEndian.LONG, HeaderLayout.REFCOUNT_TABLE_OFFSET, 65536L);
        header.set(BigEndian.INT, HeaderLayout.REFCOUNT_TABLE_CLUSTERS, 1);
        header.set(BigEndian.INT, HeaderLayout.REFCOUNT_ORDER, 4);
        header.set(BigEndian.INT, HeaderLayout.HEADER_LENGTH, 112);
        return header;
    }

    private static void putExtension(MemorySegment header, int offset, int type, byte[] data) {
        header.set(BigEndian.INT, offset, type);
        header.set(BigEndian.INT, offset + 4L, data.length);
        MemorySegment.copy(MemorySegment.ofArray(data), 0, header, offset + 8L, data.length);
    }

    private static void putBackingName(MemorySegment header, int offset, String name) {
        byte[] bytes = name.getBytes(StandardCharsets.UTF_8);
        header.set(BigEndian.LONG, HeaderLayout.BACKING_NAME_OFFSET, offset);
        header.set(BigEndian.INT, HeaderLayout.BACKING_NAME_BYTES, bytes.length);
        byte[] clipped = Arrays.copyOf(bytes, (int) Math.min(bytes.length, header.byteSize() - offset));
        MemorySegment.copy(MemorySegment.ofArray(clipped), 0, header, offset, clipped.length);
    }
}
