package io.cowslip.job;

/**
 * What makes a repeated request for a job one with the first (the IETF's draft of the Idempotency-Key header field).
 *
 * @param value the caller's key, for this one job
 * @param fingerprint of the request that came with it: the key stands for no other
 */
public record IdempotencyKey(String value, String fingerprint) {}
