package io.cowslip.job;

import io.cowslip.drive.Comparisons;
import io.cowslip.drive.Conversions;
import io.cowslip.drive.ImageChecks;
import io.cowslip.drive.Imports;
import java.io.IOException;

/** Does what jobs ask for, by their type. */
final class RequestedWork implements JobWork {
    private final ImageChecks checks;
    private final Conversions conversions;
    private final Imports imports;
    private final Comparisons comparisons;

    RequestedWork(ImageChecks checks, Conversions conversions, Imports imports, Comparisons comparisons) {
        this.checks = checks;
        this.conversions = conversions;
        this.imports = imports;
        this.comparisons = comparisons;
    }

    @Override
    public void requirePossible(JobRequest request) throws IOException {
        switch (request) {
            case JobRequest.Unreadable unread -> throw unreadable();
            case JobRequest.CheckVolume check -> checks.requireFree(check.file(), check.repair());
            case JobRequest.CheckDrive check -> checks.requireOpen(check.drive());
            case JobRequest.Convert convert -> conversions.requirePossible(convert.conversion());
            case JobRequest.ImportUpload wanted -> imports.requirePossible(wanted.work());
            case JobRequest.ImportVolume wanted -> conversions.requirePossible(wanted.conversion());
            case JobRequest.Compare compare -> comparisons.requirePossible(compare.one(), compare.other());
        }
    }

    @Override
    public JobResult run(JobId id, JobRequest request, Progress progress) throws IOException {
        return switch (request) {
            case JobRequest.Unreadable unread -> throw unreadable();
            case JobRequest.CheckVolume check ->
                checked(checks.checkVolume(id.value(), check.file(), check.repair(), progress::advanced));
            case JobRequest.CheckDrive check -> checked(checks.checkDrive(check.drive(), progress::advanced));
            case JobRequest.Convert convert ->
                new JobResult.Converted(conversions.convert(id.value(), convert.conversion(), progress::advanced));
            case JobRequest.ImportUpload wanted ->
                new JobResult.Converted(imports.make(wanted.work(), progress::advanced));
            case JobRequest.ImportVolume wanted ->
                new JobResult.Converted(conversions.convert(id.value(), wanted.conversion(), progress::advanced));
            case JobRequest.Compare compare ->
                new JobResult.Compared(
                        comparisons.compare(id.value(), compare.one(), compare.other(), progress::advanced));
        };
    }

    private static JobException unreadable() {
        return new JobException(JobException.Reason.CANNOT_RESTART, "the job's request cannot be read any more");
    }

    private static JobResult checked(ImageChecks.Checked checked) {
        return new JobResult.Checked(checked.name(), checked.report());
    }
}
