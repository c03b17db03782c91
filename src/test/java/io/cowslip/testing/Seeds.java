package io.cowslip.testing;

import java.nio.charset.StandardCharsets;
import java.util.SplittableRandom;
import java.util.UUID;
import java.util.stream.LongStream;

/**
 * Where the seeds of randomised tests come from. A plain build uses the same seeds each time, so that a red build means
 * a changed engine; {@code -Plong} draws new ones, and with {@code -Dcowslip.seeds=word} those that this word stands for,
 * each test its own. {@code -Dcowslip.seed=N} runs a test with that one seed: each test's name and each failure shows the
 * seed it used.
 */
public final class Seeds {
    private static final String SEED = "cowslip.seed";
    private static final boolean LONG = Boolean.getBoolean("cowslip.long");
    private static final String DRAWN_FROM = System.getProperty("cowslip.seeds", "");
    private static final StackWalker CALLERS = StackWalker.getInstance(StackWalker.Option.RETAIN_CLASS_REFERENCE);

    private Seeds() {}

    /** Whether this is the long profile: more seeds, more states. */
    public static boolean longRun() {
        return LONG;
    }

    /** {@code inBuild} seeds, or {@code inLongRun} in the long profile, or the one that is to be replayed. */
    public static LongStream seeds(int inBuild, int inLongRun) {
        Long replayed = Long.getLong(SEED);
        if (replayed != null) {
            return LongStream.of(replayed);
        }
        if (!LONG) {
            return LongStream.rangeClosed(1, inBuild);
        }
        return source(CALLERS.getCallerClass()).longs(inLongRun, 1, Long.MAX_VALUE);
    }

    private static SplittableRandom source(Class<?> test) {
        if (DRAWN_FROM.isEmpty()) {
            return new SplittableRandom();
        }
        byte[] name = (DRAWN_FROM + " " + test.getName()).getBytes(StandardCharsets.UTF_8);
        return new SplittableRandom(UUID.nameUUIDFromBytes(name).getLeastSignificantBits());
    }

    /** How to run {@code test} again with {@code seed}, and as much of it. */
    public static String replay(Class<?> test, long seed) {
        String profile = LONG ? " -Plong" : "";
        return "replay with: ./mvnw test" + profile + " -Dtest=" + test.getSimpleName() + " -D" + SEED + "=" + seed;
    }
}
