package io.cowslip.web.json;

import static org.assertj.core.api.Assertions.assertThat;

import io.cowslip.engine.cache.CacheOptions;
import io.cowslip.engine.image.options.EncryptOptions;
import io.cowslip.engine.image.options.ImageFormat;
import io.cowslip.engine.image.options.ImageOptions;
import io.cowslip.engine.image.options.ImageOptions.DiscardMode;
import io.cowslip.engine.image.options.OverlapCheck;
import io.cowslip.engine.image.options.WriteOptions;
import io.cowslip.engine.image.options.WriteOptions.DetectZeroes;
import io.cowslip.testing.Seeds;
import java.util.HashMap;
import java.util.Map;
import java.util.Random;
import java.util.function.Supplier;
import java.util.stream.LongStream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import tools.jackson.databind.json.JsonMapper;

public class JsonDriveOptionsTest {

    static LongStream seeds() {
        return Seeds.seeds(40, 2000);
    }

    @ParameterizedTest
    @MethodSource("seeds")
    void whatIsWrittenIsReadAgain(long seed) {
        ImageOptions options = randomOptions(new Random(seed), 2);
        JsonDriveOptions text = new JsonDriveOptions(mapper());
        assertThat(text.read(text.write(options)))
                .as(Seeds.replay(JsonDriveOptionsTest.class, seed))
                .isEqualTo(options);
    }

    public static JsonMapper mapper() {
        JsonMapper.Builder builder = JsonMapper.builder();
        new StrictJson().customize(builder);
        return builder.build();
    }

    private static ImageOptions randomOptions(Random random, int layersBelow) {
        ImageOptions below = layersBelow == 0 ? null : maybe(random, () -> randomOptions(random, layersBelow - 1));
        return new ImageOptions(
                        maybe(random, () -> oneOf(random, ImageFormat.values())),
                        random.nextBoolean(),
                        new CacheOptions(
                                size(random),
                                size(random),
                                size(random),
                                size(random),
                                maybe(random, random::nextBoolean)),
                        random.nextLong(ImageOptions.MAX_CACHE_CLEAN_INTERVAL_SECONDS + 1),
                        oneOf(random, DiscardMode.values()),
                        maybe(random, random::nextBoolean),
                        below)
                .withDataFile(maybe(random, () -> "file " + random.nextInt()))
                .withSnapshot(maybe(random, () -> "\"monday\" " + random.nextInt()))
                .withLazyRefcounts(maybe(random, random::nextBoolean))
                .withEncrypt(maybe(random, () -> encryption(random)))
                .withOverlapCheck(new OverlapCheck(oneOf(random, OverlapCheck.Template.values()), singles(random)))
                .withWrites(new WriteOptions(
                        random.nextBoolean(),
                        oneOf(random, DetectZeroes.values()),
                        maybe(random, random::nextBoolean),
                        random.nextBoolean(),
                        random.nextBoolean(),
                        random.nextBoolean()));
    }

    private static EncryptOptions encryption(Random random) {
        return new EncryptOptions(
                maybe(random, () -> oneOf(random, EncryptOptions.Format.values())),
                null,
                maybe(random, () -> "key-" + random.nextInt()));
    }

    private static Map<String, Boolean> singles(Random random) {
        Map<String, Boolean> singles = new HashMap<>();
        for (String kind : new String[] {"main-header", "inactive-l2", "bitmap-directory"}) {
            if (random.nextBoolean()) {
                singles.put(kind, random.nextBoolean());
            }
        }
        return singles;
    }

    private static @Nullable Long size(Random random) {
        return maybe(random, () -> random.nextLong(1L << 40));
    }

    private static <T> @Nullable T maybe(Random random, Supplier<T> value) {
        return random.nextBoolean() ? value.get() : null;
    }

    private static <T> T oneOf(Random random, T[] values) {
        return values[random.nextInt(values.length)];
    }
}
