package io.cowslip.engine.host;

/**
 * A moment as the host's file system notes it.
 *
 * @param epochSeconds since the beginning of 1970, UTC
 */
public record HostTime(long epochSeconds, int nanoseconds) {}
