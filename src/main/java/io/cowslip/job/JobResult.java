package io.cowslip.job;

import io.cowslip.engine.image.CheckReport;

/** What came of a job that completed. */
public sealed interface JobResult {

    /**
     * Of a check.
     *
     * @param file the image, relative to the image root
     */
    record Checked(String file, CheckReport report) implements JobResult {}
}
