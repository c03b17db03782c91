package io.cowslip.job;

import io.cowslip.drive.ImageChecks;
import io.cowslip.engine.image.CheckObserver;
import io.cowslip.engine.image.ImageCheck;
import java.io.IOException;

/** Does what jobs ask for, by their type. */
final class RequestedWork implements JobWork {
    private final ImageChecks checks;

    RequestedWork(ImageChecks checks) {
        this.checks = checks;
    }

    @Override
    public void requirePossible(JobRequest request) throws IOException {
        switch (request) {
            case JobRequest.CheckVolume check -> checks.requireFree(check.file(), check.repair());
            case JobRequest.CheckDrive check -> checks.requireOpen(check.drive());
        }
    }

    @Override
    public JobResult run(JobRequest request, Progress progress) throws IOException {
        return switch (request) {
            case JobRequest.CheckVolume check -> check(check, progress::advanced);
            case JobRequest.CheckDrive check -> checked(checks.checkDrive(check.drive(), progress::advanced));
        };
    }

    private JobResult check(JobRequest.CheckVolume check, CheckObserver observer) throws IOException {
        ImageCheck.Repair repair = check.repair();
        return checked(
                repair == null
                        ? checks.checkVolume(check.file(), observer)
                        : checks.repairVolume(check.file(), repair, observer));
    }

    private static JobResult checked(ImageChecks.Checked checked) {
        return new JobResult.Checked(checked.name(), checked.report());
    }
}
