package io.cowslip.web.job;

import io.cowslip.drive.volume.Volumes;
import io.cowslip.drive.work.DiskSource;
import io.cowslip.job.JobRequest;
import io.cowslip.job.JobResult;
import io.cowslip.job.JobView;
import io.cowslip.job.StoredProblem;
import io.cowslip.web.problem.ApiProblems;
import io.cowslip.web.problem.Refusal;
import io.cowslip.web.volume.VolumeFacts;
import io.swagger.v3.oas.annotations.media.Schema;
import java.util.Locale;
import org.jspecify.annotations.Nullable;

/**
 * A job as it is shown.
 *
 * @param id its name, as in its path
 * @param type what it does
 * @param state {@code queued}, {@code running}, {@code completed}, {@code failed}, {@code cancelled} or {@code interrupted}
 * @param file the volume that it was asked to work on
 * @param drive the drive that it was asked to work on
 * @param repair what it was asked to repair
 * @param target the volume that it was asked to make
 * @param created when it was asked for, RFC 3339 in UTC, as all times here
 */
@Schema(name = "Job", description = "Work in the background")
public record JobBody(
        String id,
        String type,

        @Schema(allowableValues = {"queued", "running", "completed", "failed", "cancelled", "interrupted"})
        String state,

        @Nullable String file,
        @Nullable String drive,
        @Nullable String repair,
        @Nullable String target,
        Progress progress,
        String created,
        @Nullable String started,
        @Nullable String ended,

        @Schema(
                description =
                        "Of a job that completed: what it found, or the facts of the volume that it made or changed",
                oneOf = {
                    CheckBody.class,
                    CompactionBody.class,
                    ComparisonBody.class,
                    MapBody.class,
                    MeasureBody.class,
                    ScrubBody.class,
                    VolumeFacts.class
                })
        @Nullable
        Object result,

        @Schema(
                description = "Of a job that failed or was interrupted: a problem (RFC 9457)",
                implementation = JobBody.Problem.class)
        @Nullable
        Object problem) {

    /** How far a job is. */
    @Schema(name = "JobProgress", description = "How far a job is. It may go over its matter several times")
    record Progress(
            @Schema(description = "Bytes dealt with") long done,

            @Schema(description = "Bytes to deal with, as far as known; it may grow")
            long total,

            @Schema(description = "Bytes per second") long rate,

            @Schema(description = "Seconds until the end at this rate, of a job that runs") @Nullable
            Long remainingSeconds) {

        static Progress of(JobView job) {
            return new Progress(job.doneBytes(), job.totalBytes(), job.bytesPerSecond(), job.remainingSeconds());
        }
    }

    /** Why a job failed. */
    @Schema(name = "JobProblem")
    record Problem(
            String type,
            String title,
            int status,
            String detail,
            @Nullable String option) {}

    /** A job as it is now, its files named relative to the image root. */
    public static JobBody of(JobView job, Volumes volumes) {
        Asked asked = Asked.of(job.request());
        return new JobBody(
                job.id().value(),
                job.request().type(),
                wireName(job.state()),
                asked.file(),
                asked.drive(),
                asked.repair(),
                asked.target(),
                Progress.of(job),
                job.created().toString(),
                job.started() == null ? null : job.started().toString(),
                job.ended() == null ? null : job.ended().toString(),
                result(job.result(), volumes),
                problem(job.failure(), volumes));
    }

    /** What a request names. */
    private record Asked(
            @Nullable String file,
            @Nullable String drive,
            @Nullable String repair,
            @Nullable String target) {

        static Asked of(JobRequest request) {
            return switch (request) {
                case JobRequest.Unreadable unread -> new Asked(null, null, null, null);
                case JobRequest.CheckVolume check ->
                    new Asked(check.file(), null, check.repair() == null ? null : wireName(check.repair()), null);
                case JobRequest.CheckDrive check ->
                    new Asked(null, check.drive().value(), null, null);
                case JobRequest.Compare compare -> of(compare.one(), null);
                case JobRequest.Resize resize -> ofFile(resize.file());
                case JobRequest.Amend amend -> ofFile(amend.file());
                case JobRequest.Measure measure -> of(measure.measurement().source(), null);
                case JobRequest.MapDisk map -> of(map.source(), null);
                case JobRequest.Scrub scrub -> of(scrub.source(), null);
                case JobRequest.Rebase rebase -> ofFile(rebase.file());
                case JobRequest.Commit commit -> ofFile(commit.file());
                case JobRequest.Compact compact -> ofFile(compact.file());
                case JobRequest.ImportUpload wanted ->
                    new Asked(wanted.work().upload(), null, null, wanted.work().volume());
                case JobRequest.ImportVolume wanted ->
                    of(
                            wanted.conversion().source(),
                            wanted.conversion().target().file());
                case JobRequest.Convert convert ->
                    of(
                            convert.conversion().source(),
                            convert.conversion().target().file());
            };
        }

        private static Asked ofFile(String file) {
            return new Asked(file, null, null, null);
        }

        private static Asked of(@Nullable DiskSource source, @Nullable String target) {
            return switch (source) {
                case null -> new Asked(null, null, null, target);
                case DiskSource.OfVolume volume -> new Asked(volume.file(), null, null, target);
                case DiskSource.OfDrive drive -> new Asked(null, drive.drive().value(), null, target);
            };
        }
    }

    static @Nullable Object result(@Nullable JobResult result, Volumes volumes) {
        return switch (result) {
            case null -> null;
            case JobResult.Stored stored -> new ShownJson(stored.text());
            case JobResult.Checked checked -> CheckBody.of(checked.file(), checked.report());
            case JobResult.Compared compared -> ComparisonBody.of(compared.outcome());
            case JobResult.Changed changed -> VolumeFacts.of(changed.chain().getFirst(), volumes);
            case JobResult.Compacted compacted -> CompactionBody.of(compacted.outcome());
            case JobResult.Measured measured -> MeasureBody.of(measured.measure());
            case JobResult.Mapped mapped -> MapBody.of(mapped.map(), volumes);
            case JobResult.Scrubbed scrubbed -> ScrubBody.of(scrubbed.report(), volumes);
            case JobResult.Converted converted ->
                VolumeFacts.of(converted.chain().getFirst(), volumes);
        };
    }

    static @Nullable Object problem(@Nullable Exception failure, Volumes volumes) {
        if (failure == null) {
            return null;
        }
        if (failure instanceof StoredProblem stored) {
            return new ShownJson(stored.text());
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
