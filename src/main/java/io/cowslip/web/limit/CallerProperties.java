package io.cowslip.web.limit;

import io.cowslip.drive.ByteSize;
import jakarta.validation.constraints.Min;
import java.time.Duration;
import org.jspecify.annotations.Nullable;
import org.springframework.boot.context.properties.ConfigurationProperties;
import org.springframework.boot.context.properties.bind.DefaultValue;
import org.springframework.validation.annotation.Validated;

/**
 * What one caller may take of the service: whoever has been authenticated, or else whoever has a ticket, or else an address.
 *
 * @param requestsPerSecond How many requests a caller may make per second, in the long run. Any number where not given.
 * @param requestBurst How many at once, after a pause. Twice as many as per second where not given.
 * @param bytesPerSecond How many bytes of bodies and answers a caller may move per second. Any number where not given.
 * @param requestsAtOnce How many requests of a caller may be under way. Any number where not given.
 * @param jobsPerCaller How many jobs of a caller may run or wait. Any number where not given.
 * @param authenticationFailuresPerSecond How many keys and tokens that are not good may come from one address per second, in
 *     the long run; twice as many at once. Any number where it is 0.
 */
@Validated
@ConfigurationProperties("cowslip.limits")
record CallerProperties(
        @Min(1) @Nullable Integer requestsPerSecond,
        @Min(1) @Nullable Integer requestBurst,
        @Nullable ByteSize bytesPerSecond,
        @Min(1) @Nullable Integer requestsAtOnce,
        @Min(1) @Nullable Integer jobsPerCaller,
        @DefaultValue("10") @Min(0) int authenticationFailuresPerSecond) {

    /** Less would be spent by one piece of a transfer. */
    private static final long MIN_BYTES_PER_SECOND = 4096;

    CallerProperties {
        if (bytesPerSecond != null && bytesPerSecond.bytes() < MIN_BYTES_PER_SECOND) {
            throw new IllegalArgumentException("cowslip.limits.bytes-per-second is " + bytesPerSecond.bytes()
                    + "; it must be at least " + MIN_BYTES_PER_SECOND);
        }
    }

    /** Whether requests are looked at. */
    boolean limitRequests() {
        return requestsPerSecond != null || bytesPerSecond != null || requestsAtOnce != null;
    }

    /** The most requests at once; for where there is a rate. */
    long burst(int perSecond) {
        return requestBurst == null ? 2L * perSecond : requestBurst;
    }

    /** How long it takes to gain so many. */
    static Duration window(long burst, long perSecond) {
        return Duration.ofSeconds(Math.ceilDiv(burst, perSecond));
    }
}
