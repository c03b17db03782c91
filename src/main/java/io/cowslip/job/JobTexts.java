package io.cowslip.job;

/** What is asked of jobs, and comes of them, as texts that outlive the service: those that callers read and write. */
public interface JobTexts {

    /**
     * What a {@link StoredRequest} asks for.
     *
     * @throws RuntimeException when it cannot be read, such as one of a later version
     */
    JobRequest request(String text);

    /** A result as it is shown. */
    String result(JobResult result);

    /** A failure as it is shown. */
    String problem(Exception failure);
}
