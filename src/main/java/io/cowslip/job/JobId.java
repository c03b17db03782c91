package io.cowslip.job;

import io.cowslip.drive.DriveId;

/** The name of a job. QEMU has one rule for the ids of drives and of jobs. */
public record JobId(String value) {
    /** @throws IllegalArgumentException saying the rule, where {@code value} does not keep it */
    public JobId {
        if (!DriveId.isPossible(value)) {
            throw new IllegalArgumentException("\"" + value
                    + "\" is no job id: it takes a letter, then up to 63 letters, digits, dashes, dots or underscores");
        }
    }

    @Override
    public String toString() {
        return value;
    }
}
