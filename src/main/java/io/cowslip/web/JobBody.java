package io.cowslip.web;

import io.cowslip.drive.Volumes;
import io.cowslip.job.JobRequest;
import io.cowslip.job.JobResult;
import io.cowslip.job.JobView;
import io.swagger.v3.oas.annotations.media.Schema;
import java.util.Locale;
import org.jspecify.annotations.Nullable;

/**
 * A job as it is shown.
 *
 * @param id its name, as in its path
 * @param type what it does
 * @param state {@code queued}, {@code running}, {@code completed}, {@code failed} or {@code cancelled}
 * @param file the volume that it was asked to work on
 * @param drive the drive that it was asked to work on
 * @param repair what it was asked to repair
 * @param created when it was asked for, RFC 3339 in UTC, as all times here
 */
@Schema(name = "Job", description = "Work in the background")
record JobBody(
        String id,
        String type,

        @Schema(allowableValues = {"queued", "running", "completed", "failed", "cancelled"})
        String state,

        @Nullable String file,
        @Nullable String drive,
        @Nullable String repair,
        Progress progress,
        String created,
        @Nullable String started,
        @Nullable String ended,

        @Schema(description = "Of a job that completed") @Nullable
        CheckBody result,

        @Schema(description = "Of a job that failed: a problem (RFC 9457)") @Nullable
        Problem problem) {

    /** How far a job is. */
    @Schema(name = "JobProgress", description = "How far a job is. It may go over its matter several times")
    record Progress(
            @Schema(description = "Bytes dealt with") long done,

            @Schema(description = "Bytes to deal with, as far as known; it may grow")
            long total,

            @Schema(description = "Bytes per second") long rate) {}

    /** Why a job failed. */
    @Schema(name = "JobProblem")
    record Problem(
            String type,
            String title,
            int status,
            String detail,
            @Nullable String option) {}

    static JobBody of(JobView job, Volumes volumes) {
        JobRequest request = job.request();
        return new JobBody(
                job.id().value(),
                request.type(),
                wireName(job.state()),
                request instanceof JobRequest.CheckVolume check ? check.file() : null,
                request instanceof JobRequest.CheckDrive check ? check.drive().value() : null,
                request instanceof JobRequest.CheckVolume check && check.repair() != null
                        ? wireName(check.repair())
                        : null,
                new Progress(job.doneBytes(), job.totalBytes(), job.bytesPerSecond()),
                job.created().toString(),
                job.started() == null ? null : job.started().toString(),
                job.ended() == null ? null : job.ended().toString(),
                result(job.result()),
                problem(job.failure(), volumes));
    }

    private static @Nullable CheckBody result(@Nullable JobResult result) {
        return switch (result) {
            case null -> null;
            case JobResult.Checked checked -> CheckBody.of(checked.file(), checked.report());
        };
    }

    private static @Nullable Problem problem(@Nullable Exception failure, Volumes volumes) {
        if (failure == null) {
            return null;
        }
        Refusal problem = ApiProblems.problem(failure, volumes::relativeName);
        return new Problem(
                problem.type().uri().toString(),
                problem.type().title(),
                problem.type().status().value(),
                String.valueOf(problem.getMessage()),
                problem.option());
    }

    private static String wireName(Enum<?> value) {
        return value.name().toLowerCase(Locale.ROOT);
    }
}
