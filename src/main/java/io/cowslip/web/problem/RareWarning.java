package io.cowslip.web.problem;

import java.time.Duration;
import java.util.function.LongSupplier;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;

/** A warning that is logged once in a while, however often there is reason to. Any thread. */
final class RareWarning {
    private final long intervalNanos;
    private final LongSupplier nanoClock;

    /** Guarded by this object's monitor, as is the count. */
    private @Nullable Long lastNanos;

    private long unsaid;

    RareWarning(Duration interval, LongSupplier nanoClock) {
        this.intervalNanos = interval.toNanos();
        this.nanoClock = nanoClock;
    }

    /** Logs the message, and how many were not since the last; or nothing where the last is not long ago. */
    void warn(Logger log, String message, @Nullable Object... values) {
        long before;
        synchronized (this) {
            long now = nanoClock.getAsLong();
            if (lastNanos != null && now - lastNanos < intervalNanos) {
                unsaid++;
                return;
            }
            before = unsaid;
            unsaid = 0;
            lastNanos = now;
        }
        log.warn(before == 0 ? message : message + " (and " + before + " more since the last)", values);
    }
}
