package io.cowslip.job;

/**
 * The request of a job as it outlives the service.
 *
 * @param text the request as its caller wrote it, but for passphrases
 * @param complete whether nothing was left out, so that the job can be started again from it
 */
public record StoredRequest(String text, boolean complete) {}
