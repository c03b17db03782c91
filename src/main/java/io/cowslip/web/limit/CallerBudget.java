package io.cowslip.web.limit;

import io.cowslip.web.problem.ProblemType;
import io.cowslip.web.problem.Refusal;
import io.github.bucket4j.Bucket;
import io.github.bucket4j.ConsumptionProbe;
import jakarta.servlet.http.HttpServletResponse;
import java.time.Duration;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.locks.LockSupport;
import org.jspecify.annotations.Nullable;
import org.springframework.http.HttpHeaders;

/**
 * What one caller has left of requests and bytes. Requests that are too many are refused; bytes that come too fast are
 * waited with, and a caller that has as many on their way as it may have gets no further request. Any thread.
 *
 * <p>The header fields are those of the IETF's draft (draft-ietf-httpapi-ratelimit-headers).
 */
final class CallerBudget {
    static final String RATE_LIMIT = "RateLimit";
    static final String RATE_LIMIT_POLICY = "RateLimit-Policy";

    /** A caller that has to wait longer than this for its next byte is not to begin anything more. */
    private static final long BYTE_PATIENCE_NANOS = TimeUnit.SECONDS.toNanos(1);

    /** A thread waits no longer than this for one piece. */
    private static final long PAUSE_NANOS = TimeUnit.SECONDS.toNanos(5);

    private final CallerProperties limits;
    private final @Nullable Bucket requests;
    private final @Nullable Bucket bytes;
    private final AtomicInteger underWay = new AtomicInteger();

    CallerBudget(CallerProperties limits) {
        this.limits = limits;
        this.requests = limits.requestsPerSecond() == null
                ? null
                : bucket(limits.burst(limits.requestsPerSecond()), limits.requestsPerSecond());
        this.bytes = limits.bytesPerSecond() == null
                ? null
                : bucket(
                        limits.bytesPerSecond().bytes(), limits.bytesPerSecond().bytes());
    }

    static Bucket bucket(long capacity, long perSecond) {
        return Bucket.builder()
                .addLimit(limit -> limit.capacity(capacity).refillGreedy(perSecond, Duration.ofSeconds(1)))
                .withNanosecondPrecision()
                .build();
    }

    /**
     * Takes a request in, and says in the answer what is left; {@link #leave()} follows.
     *
     * @throws Refusal where it is one too many
     */
    void enter(HttpServletResponse response) {
        takeRequest(response);
        if (bytes != null) {
            long wait = bytes.estimateAbilityToConsume(1).getNanosToWaitForRefill();
            if (wait > BYTE_PATIENCE_NANOS) {
                throw refusal("bytes-per-second", wait);
            }
        }
        if (underWay.incrementAndGet() > atOnce()) {
            underWay.decrementAndGet();
            throw refusal("requests-at-once", 0);
        }
    }

    private int atOnce() {
        return limits.requestsAtOnce() == null ? Integer.MAX_VALUE : limits.requestsAtOnce();
    }

    void leave() {
        underWay.decrementAndGet();
    }

    private void takeRequest(HttpServletResponse response) {
        Integer perSecond = limits.requestsPerSecond();
        if (requests == null || perSecond == null) {
            return;
        }
        ConsumptionProbe probe = requests.tryConsumeAndReturnRemaining(1);
        String policy = policy(limits.burst(perSecond), perSecond);
        String left = "\"requests\";r=" + probe.getRemainingTokens() + ";t=" + seconds(probe.getNanosToWaitForReset());
        if (!probe.isConsumed()) {
            throw refusal("requests-per-second", probe.getNanosToWaitForRefill())
                    .with(RATE_LIMIT_POLICY, policy)
                    .with(RATE_LIMIT, left);
        }
        response.setHeader(RATE_LIMIT_POLICY, policy);
        response.setHeader(RATE_LIMIT, left);
    }

    private static String policy(long burst, long perSecond) {
        return "\"requests\";q=" + burst + ";w="
                + CallerProperties.window(burst, perSecond).toSeconds();
    }

    private static Refusal refusal(String limit, long waitNanos) {
        return Refusal.of(
                        ProblemType.TOO_MANY_REQUESTS,
                        "that is more than cowslip.limits." + limit + " allows one caller")
                .withMember("limit", "cowslip.limits." + limit)
                .with(HttpHeaders.RETRY_AFTER, String.valueOf(Math.max(1, seconds(waitNanos))));
    }

    static long seconds(long nanos) {
        return Math.ceilDiv(nanos, TimeUnit.SECONDS.toNanos(1));
    }

    /** Whether bytes are counted. */
    boolean countsBytes() {
        return bytes != null;
    }

    /** Counts bytes that have gone over a connection, and waits until the caller may have had them. */
    void spend(long count) {
        if (bytes != null && count > 0) {
            long early = bytes.consumeIgnoringRateLimits(count);
            if (early > 0) {
                LockSupport.parkNanos(Math.min(early, PAUSE_NANOS));
            }
        }
    }

    /** Whether the caller is as one that never came. */
    boolean isUntouched() {
        return underWay.get() == 0 && isFull(requests) && isFull(bytes);
    }

    private boolean isFull(@Nullable Bucket bucket) {
        return bucket == null
                || bucket.estimateAbilityToConsume(bucket == bytes ? capacityOfBytes() : capacityOfRequests())
                        .canBeConsumed();
    }

    private long capacityOfBytes() {
        return limits.bytesPerSecond() == null ? 1 : limits.bytesPerSecond().bytes();
    }

    private long capacityOfRequests() {
        Integer perSecond = limits.requestsPerSecond();
        return perSecond == null ? 1 : limits.burst(perSecond);
    }
}
