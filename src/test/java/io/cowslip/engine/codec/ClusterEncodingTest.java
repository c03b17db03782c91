package io.cowslip.engine.codec;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatCode;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import io.cowslip.engine.ImageException;
import io.cowslip.engine.format.ImageHeader;
import io.cowslip.testing.Seeds;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;
import java.util.SplittableRandom;
import java.util.stream.LongStream;
import java.util.zip.Deflater;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

class ClusterEncodingTest {
    private static final int ZLIB = ImageHeader.COMPRESSION_ZLIB;
    private static final int ZSTD = ImageHeader.COMPRESSION_ZSTD;

    static LongStream seeds() {
        return Seeds.seeds(6, 300);
    }

    /** Whatever the bytes, they come out as they went in, and no match reaches further back than the window. */
    @ParameterizedTest
    @MethodSource("seeds")
    void encodesWhatAnyReaderDecodes(long seed) {
        SplittableRandom random = new SplittableRandom(seed);
        try (ClusterCodec zlib = ClusterCodec.of(ZLIB);
                ClusterCodec zstd = ClusterCodec.of(ZSTD)) {
            for (int round = 0; round < 12; round++) {
                byte[] plain = plain(random, 512 << random.nextInt(9));
                assertThatCode(() -> {
                            roundTrip(zlib, plain, true);
                            roundTrip(zstd, plain, false);
                        })
                        .as("%s, %d bytes", Seeds.replay(ClusterEncodingTest.class, seed), plain.length)
                        .doesNotThrowAnyException();
            }
        }
    }

    private static void roundTrip(ClusterCodec codec, byte[] plain, boolean windowed) throws ImageException {
        byte[] payload = encode(codec, plain);
        if (payload.length == 0) {
            return;
        }
        assertThat(payload).hasSizeLessThan(plain.length);
        if (windowed) {
            assertThat(WindowedInflater.inflate(payload, 1 << 12)).isEqualTo(plain);
        }
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment cluster = arena.allocate(plain.length);
            codec.decode(arena.allocateFrom(ValueLayout.JAVA_BYTE, payload), cluster);
            assertThat(cluster.toArray(ValueLayout.JAVA_BYTE)).isEqualTo(plain);
        }
    }

    /** Stretches of repeats from near and far, of few symbols, of skewed ones, and of noise. */
    private static byte[] plain(SplittableRandom random, int length) {
        byte[] bytes = new byte[length];
        int at = 0;
        while (at < length) {
            int run = Math.min(length - at, random.nextInt(1, 1 << random.nextInt(1, 16)));
            int kind = random.nextInt(2, 5);
            for (int index = 0; index < run; index++, at++) {
                bytes[at] = switch (random.nextInt(8) == 0 ? 4 : kind) {
                    case 2 -> bytes[Math.max(0, at - 4096)];
                    case 3 -> bytes[Math.max(0, at - 1 - random.nextInt(6000) * (index == 0 ? 1 : 0))];
                    default -> (byte) Long.numberOfTrailingZeros(random.nextLong());
                };
            }
        }
        return bytes;
    }

    @ParameterizedTest
    @ValueSource(ints = {ZLIB, ZSTD})
    void noiseDoesNotComeToLess(int type) {
        byte[] noise = new byte[65536];
        new SplittableRandom(1).nextBytes(noise);
        try (ClusterCodec codec = ClusterCodec.of(type)) {
            assertThat(encode(codec, noise)).isEmpty();
            assertThat(encode(codec, new byte[65536])).hasSizeLessThan(200);
            assertThat(encode(codec, new byte[2 << 20])).isNotEmpty().hasSizeLessThan(3000);
        }
    }

    /** Counts that grow as Fibonacci's numbers ask for codes longer than deflate has. */
    @Test
    void codesAreNoLongerThanTheFormatAllows() throws ImageException {
        byte[] plain = new byte[1 << 16];
        int at = 0;
        for (int symbol = 0, count = 1, next = 1; at < plain.length; symbol++) {
            int end = Math.min(plain.length, at + count);
            Arrays.fill(plain, at, end, (byte) symbol);
            at = end;
            int sum = count + next;
            count = next;
            next = sum;
        }
        shuffle(plain, new SplittableRandom(5));
        try (ClusterCodec codec = ClusterCodec.of(ZLIB)) {
            assertThat(encode(codec, plain)).isNotEmpty();
            roundTrip(codec, plain, true);
        }
    }

    private static void shuffle(byte[] bytes, SplittableRandom random) {
        for (int index = bytes.length - 1; index > 0; index--) {
            int other = random.nextInt(index + 1);
            byte held = bytes[index];
            bytes[index] = bytes[other];
            bytes[other] = held;
        }
    }

    /** Text of words from near: the JDK's deflate with its larger window is little better. */
    @Test
    void comesCloseToTheLargerWindow() {
        byte[] text = new byte[65536];
        SplittableRandom random = new SplittableRandom(3);
        String[] words = "the quick brown fox jumps over a lazy dog and then some more of those".split(" ");
        for (int at = 0; at < text.length; ) {
            for (char letter : (words[random.nextInt(words.length)] + random.nextInt(10) + " ").toCharArray()) {
                if (at < text.length) {
                    text[at++] = (byte) letter;
                }
            }
        }
        try (ClusterCodec codec = ClusterCodec.of(ZLIB);
                Deflater deflater = new Deflater(Deflater.DEFAULT_COMPRESSION, true)) {
            deflater.setInput(text);
            deflater.finish();
            int large = deflater.deflate(new byte[65536]);
            assertThat(encode(codec, text)).isNotEmpty().hasSizeLessThan(large * 115 / 100);
        }
    }

    @ParameterizedTest
    @ValueSource(ints = {ZLIB, ZSTD})
    void aPayloadMayHaveLessRoomThanACluster(int type) {
        try (ClusterCodec codec = ClusterCodec.of(type);
                Arena arena = Arena.ofConfined()) {
            MemorySegment zeros = arena.allocate(65536);
            int needed = codec.encode(zeros, arena.allocate(65536));

            assertThat(codec.encode(zeros, arena.allocate(needed - 1))).isZero();
            assertThat(codec.encode(zeros, arena.allocate(65536))).isEqualTo(needed);
        }
    }

    @Test
    void onlyNativeMemoryIsTaken() {
        try (ClusterCodec codec = ClusterCodec.of(ZLIB);
                Arena arena = Arena.ofConfined()) {
            MemorySegment onHeap = MemorySegment.ofArray(new byte[512]);
            MemorySegment outside = arena.allocate(512);

            assertThatIllegalArgumentException().isThrownBy(() -> codec.encode(onHeap, outside));
            assertThatIllegalArgumentException().isThrownBy(() -> codec.encode(outside, onHeap));
        }
    }

    private static byte[] encode(ClusterCodec codec, byte[] plain) {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment payload = arena.allocate(plain.length);
            int length = codec.encode(arena.allocateFrom(ValueLayout.JAVA_BYTE, plain), payload);
            return payload.asSlice(0, length).toArray(ValueLayout.JAVA_BYTE);
        }
    }
}
