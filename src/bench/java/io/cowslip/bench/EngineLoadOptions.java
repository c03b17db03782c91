package io.cowslip.bench;

import io.cowslip.engine.cache.CacheOptions;
import io.cowslip.engine.image.options.ImageOptions;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.channels.FileChannel;
import java.nio.channels.FileChannel.MapMode;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.Locale;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * One measurement as a line of {@code key=value} words: {@code image}, {@code operation} (read, write, verify),
 * {@code pattern} (random, stepping), {@code size}, {@code step} (offsets are multiples of it, modulo the span),
 * {@code span} (all offsets are below it), {@code threads}, {@code seconds}, {@code warmup}, {@code seed}, {@code data} (what the disk holds, repeated;
 * for verify), and drive options under their own names.
 *
 * @param data null unless needed
 */
record EngineLoadOptions(
        Path image,
        Operation operation,
        boolean random,
        int sizeBytes,
        long stepBytes,
        long spanBytes,
        int threads,
        double seconds,
        double warmupSeconds,
        long seed,
        ImageOptions imageOptions,
        @Nullable MemorySegment data) {

    enum Operation {
        READ,
        WRITE,
        VERIFY
    }

    static EngineLoadOptions parse(String line) throws IOException {
        Map<String, String> words = new HashMap<>();
        for (String word : line.trim().split(" +")) {
            int equals = word.indexOf('=');
            words.put(word.substring(0, equals), word.substring(equals + 1));
        }
        Operation operation = Operation.valueOf(take(words, "operation", "read").toUpperCase(Locale.ROOT));
        int sizeBytes = Integer.parseInt(take(words, "size", "4096"));
        String data = words.remove("data");
        EngineLoadOptions options = new EngineLoadOptions(
                Path.of(take(words, "image", "")),
                operation,
                take(words, "pattern", "random").equals("random"),
                sizeBytes,
                Long.parseLong(take(words, "step", Integer.toString(sizeBytes))),
                Long.parseLong(take(words, "span", "0")),
                Integer.parseInt(take(words, "threads", "1")),
                Double.parseDouble(take(words, "seconds", "2")),
                Double.parseDouble(take(words, "warmup", "1")),
                Long.parseLong(take(words, "seed", "1")),
                takeImageOptions(words, operation != Operation.WRITE),
                data == null ? null : map(Path.of(data)));
        if (!words.isEmpty()) {
            throw new IllegalArgumentException("no such options here: " + words.keySet());
        }
        return options;
    }

    private static String take(Map<String, String> words, String key, String otherwise) {
        String value = words.remove(key);
        return value == null ? otherwise : value;
    }

    private static @Nullable Long takeNumber(Map<String, String> words, String key) {
        String value = words.remove(key);
        return value == null ? null : Long.valueOf(value);
    }

    private static @Nullable Boolean takeChoice(Map<String, String> words, String key) {
        String value = words.remove(key);
        return value == null ? null : Boolean.valueOf(value);
    }

    private static ImageOptions takeImageOptions(Map<String, String> words, boolean readOnly) {
        CacheOptions caches = new CacheOptions(
                takeNumber(words, "l2-cache-size"),
                takeNumber(words, "l2-cache-entry-size"),
                null,
                null,
                takeChoice(words, "l2-cache-packed"));
        ImageOptions defaults = ImageOptions.defaults();
        return new ImageOptions(
                null,
                readOnly,
                caches,
                defaults.cacheCleanIntervalSeconds(),
                defaults.discard(),
                takeChoice(words, "cache.direct"),
                null);
    }

    private static MemorySegment map(Path file) throws IOException {
        try (FileChannel channel = FileChannel.open(file)) {
            return channel.map(MapMode.READ_ONLY, 0, channel.size(), Arena.ofAuto());
        }
    }

    /** Throws unless {@code read} is what the disk holds at {@code offset}; no request reaches over the data's end. */
    void requireSameAsData(long offset, MemorySegment read) {
        if (data == null) {
            throw new IllegalArgumentException("verify needs data");
        }
        if (data.asSlice(offset % data.byteSize(), read.byteSize()).mismatch(read) >= 0) {
            throw new IllegalStateException("wrong bytes at offset " + offset);
        }
    }
}
