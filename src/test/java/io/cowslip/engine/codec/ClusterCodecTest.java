package io.cowslip.engine.codec;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import com.github.luben.zstd.Zstd;
import com.github.luben.zstd.ZstdOutputStream;
import io.cowslip.engine.ImageException;
import io.cowslip.engine.ImageException.Kind;
import io.cowslip.engine.format.ImageHeader;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;
import java.util.Random;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import java.util.zip.Deflater;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class ClusterCodecTest {
    private static final int CLUSTER_BYTES = 65536;
    private static final int ZLIB = ImageHeader.COMPRESSION_ZLIB;
    private static final int ZSTD = ImageHeader.COMPRESSION_ZSTD;

    @ParameterizedTest
    @ValueSource(ints = {ZLIB, ZSTD})
    void decodesACluster(int type) throws ImageException {
        byte[] plain = text(CLUSTER_BYTES);

        assertThat(decode(type, compress(type, plain))).isEqualTo(plain);
    }

    @ParameterizedTest
    @ValueSource(ints = {ZLIB, ZSTD})
    void whatFollowsTheDataDoesNotMatter(int type) throws ImageException {
        byte[] plain = text(CLUSTER_BYTES);
        byte[] packed = compress(type, plain);
        byte[] payload = Arrays.copyOf(packed, packed.length + 511);
        Arrays.fill(payload, packed.length, payload.length, (byte) 0xA5);

        assertThat(decode(type, payload)).isEqualTo(plain);
    }

    @ParameterizedTest
    @ValueSource(ints = {ZLIB, ZSTD})
    void aClusterThatComesOutShortIsCorrupt(int type) {
        byte[] packed = compress(type, text(CLUSTER_BYTES - 1));

        assertThat(refusal(type, packed).kind()).isEqualTo(Kind.CORRUPT);
        assertThat(refusal(type, Arrays.copyOf(packed, packed.length + 512)).kind())
                .isEqualTo(Kind.CORRUPT);
    }

    @ParameterizedTest
    @ValueSource(ints = {ZLIB, ZSTD})
    void aCutPayloadIsCorrupt(int type) {
        byte[] packed = compress(type, text(CLUSTER_BYTES));

        for (int length = 0; length < packed.length - 16; length += 97) {
            assertThat(refusal(type, Arrays.copyOf(packed, length)).kind()).isEqualTo(Kind.CORRUPT);
        }
    }

    @ParameterizedTest
    @ValueSource(ints = {ZLIB, ZSTD})
    void garbageIsCorruptOrSomeCluster(int type) {
        Random random = new Random(7);
        byte[] packed = compress(type, text(CLUSTER_BYTES));
        for (int round = 0; round < 500; round++) {
            byte[] damaged = packed.clone();
            damaged[random.nextInt(packed.length)] ^= (byte) (1 << random.nextInt(8));
            ImageException refusal = catchThrowableOfType(ImageException.class, () -> decode(type, damaged));
            if (refusal != null) {
                assertThat(refusal.kind()).isEqualTo(Kind.CORRUPT);
            }
        }
        byte[] noise = new byte[4096];
        random.nextBytes(noise);
        noise[0] = (byte) 0xFF;
        assertThat(refusal(type, noise).kind()).isEqualTo(Kind.CORRUPT);
    }

    @Test
    void aDeflateStreamMayRunPastTheCluster() throws ImageException {
        byte[] plain = text(2 * CLUSTER_BYTES);

        assertThat(decode(ZLIB, compress(ZLIB, plain))).isEqualTo(Arrays.copyOf(plain, CLUSTER_BYTES));
    }

    @Test
    void aZstdFrameThatRunsPastTheClusterIsCorrupt() {
        assertThat(refusal(ZSTD, compress(ZSTD, text(2 * CLUSTER_BYTES))).kind())
                .isEqualTo(Kind.CORRUPT);
    }

    @Test
    void zstdFramesFollowOneAnother() throws ImageException {
        byte[] plain = text(CLUSTER_BYTES);
        ByteArrayOutputStream frames = new ByteArrayOutputStream();
        for (int start = 0; start < CLUSTER_BYTES; start += 20_000) {
            byte[] part = Arrays.copyOfRange(plain, start, Math.min(start + 20_000, CLUSTER_BYTES));
            frames.writeBytes(compress(ZSTD, part));
            frames.writeBytes(compress(ZSTD, new byte[0]));
        }

        assertThat(decode(ZSTD, frames.toByteArray())).isEqualTo(plain);
    }

    @Test
    void aZstdFrameThatDoesNotTellItsSize() throws IOException {
        byte[] plain = text(CLUSTER_BYTES);
        ByteArrayOutputStream frame = new ByteArrayOutputStream();
        try (ZstdOutputStream packing = new ZstdOutputStream(frame)) {
            packing.write(plain);
        }

        assertThat(decode(ZSTD, frame.toByteArray())).isEqualTo(plain);
    }

    @Test
    void onlyNativeMemoryIsTaken() {
        try (ClusterCodec codec = ClusterCodec.of(ZLIB);
                Arena arena = Arena.ofConfined()) {
            MemorySegment onHeap = MemorySegment.ofArray(new byte[16]);
            MemorySegment outside = arena.allocate(16);

            assertThatIllegalArgumentException().isThrownBy(() -> codec.decode(onHeap, outside));
            assertThatIllegalArgumentException().isThrownBy(() -> codec.decode(outside, onHeap));
        }
    }

    @ParameterizedTest
    @ValueSource(ints = {ZLIB, ZSTD})
    void manyThreadsShareACodec(int type) throws InterruptedException, ExecutionException {
        byte[] plain = text(CLUSTER_BYTES);
        byte[] packed = compress(type, plain);
        try (ClusterCodec codec = ClusterCodec.of(type);
                ExecutorService threads = Executors.newFixedThreadPool(8)) {
            Stream<Future<Boolean>> results = IntStream.range(0, 200)
                    .mapToObj(round -> threads.submit(() -> {
                        byte[] sent = round % 3 == 0 ? Arrays.copyOf(packed, packed.length / 2) : packed;
                        try {
                            return Arrays.equals(decode(codec, sent), plain);
                        } catch (ImageException e) {
                            return round % 3 == 0;
                        }
                    }))
                    .toList()
                    .stream();
            for (Future<Boolean> result : results.toList()) {
                assertThat(result.get()).isTrue();
            }
        }
    }

    private static ImageException refusal(int type, byte[] payload) {
        ImageException refusal = catchThrowableOfType(ImageException.class, () -> decode(type, payload));
        assertThat(refusal).isNotNull();
        return refusal;
    }

    private static byte[] decode(int type, byte[] payload) throws ImageException {
        try (ClusterCodec codec = ClusterCodec.of(type)) {
            return decode(codec, payload);
        }
    }

    private static byte[] decode(ClusterCodec codec, byte[] payload) throws ImageException {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment cluster = arena.allocate(CLUSTER_BYTES);
            codec.decode(arena.allocateFrom(ValueLayout.JAVA_BYTE, payload), cluster);
            return cluster.toArray(ValueLayout.JAVA_BYTE);
        }
    }

    private static byte[] compress(int type, byte[] plain) {
        if (type == ZSTD) {
            return Zstd.compress(plain);
        }
        Deflater deflater = new Deflater(6, true);
        deflater.setInput(plain);
        deflater.finish();
        byte[] packed = new byte[plain.length + 1024];
        int length = deflater.deflate(packed);
        deflater.end();
        return Arrays.copyOf(packed, length);
    }

    private static byte[] text(int lengthBytes) {
        byte[] bytes = new byte[lengthBytes];
        Random random = new Random(lengthBytes);
        for (int index = 0; index < lengthBytes; index++) {
            bytes[index] = (byte) ('a' + random.nextInt(6));
        }
        return bytes;
    }
}
