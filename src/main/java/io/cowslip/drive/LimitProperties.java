package io.cowslip.drive;

import jakarta.validation.constraints.NotNull;
import java.time.Duration;
import org.hibernate.validator.constraints.time.DurationMin;
import org.jspecify.annotations.Nullable;
import org.springframework.boot.context.properties.ConfigurationProperties;
import org.springframework.boot.context.properties.bind.DefaultValue;
import org.springframework.validation.annotation.Validated;

/**
 * What callers may take of the service.
 *
 * @param headTimeout How long a request's head may take, from the connection's beginning or its own first byte.
 * @param minRate Bytes per second that a client must send of a body, or take of an answer, while it is waited for. 0 is
 *     any.
 * @param slowGrace How long a client may be slower than that, or still.
 * @param crowdedGrace The same while nearly all request threads are taken or the service stops, and how long a connection
 *     may be idle while there are nearly as many as there may be.
 * @param jsonBody Largest body that is not guest bytes or a file.
 * @param cacheMemory What the L2 and refcount caches of all open images may take together. Any size where not given.
 */
@Validated
@ConfigurationProperties("cowslip.limits")
public record LimitProperties(
        @DefaultValue("60s") @DurationMin(millis = 100) Duration headTimeout,
        @DefaultValue("4K") @NotNull ByteSize minRate,
        @DefaultValue("60s") @DurationMin(millis = 100) Duration slowGrace,
        @DefaultValue("10s") @DurationMin(millis = 100) Duration crowdedGrace,
        @DefaultValue("1M") @NotNull ByteSize jsonBody,
        @Nullable ByteSize cacheMemory) {

    /** What all caches together may take. */
    public long cacheMemoryBytes() {
        return cacheMemory == null ? Long.MAX_VALUE : cacheMemory.bytes();
    }
}
