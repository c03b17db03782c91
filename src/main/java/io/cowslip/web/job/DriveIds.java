package io.cowslip.web.job;

import io.cowslip.drive.DriveId;
import io.cowslip.web.problem.ProblemType;
import io.cowslip.web.problem.Refusal;

/** Ids of drives in the bodies of requests. */
final class DriveIds {
    private DriveIds() {}

    /** The drive that a body names; it need not be open. */
    static DriveId named(String text) {
        if (!DriveId.isPossible(text)) {
            throw Refusal.of(ProblemType.NO_SUCH_DRIVE, "no drive can have the id \"" + text + "\"");
        }
        return new DriveId(text);
    }
}
