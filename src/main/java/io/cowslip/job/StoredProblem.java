package io.cowslip.job;

/** Why a job failed before the service's last start, as it was told then. */
public final class StoredProblem extends Exception {
    private static final long serialVersionUID = 1;

    private final String text;

    /** @param text as {@link JobTexts#problem} has it */
    public StoredProblem(String text) {
        super("the job failed before the service started");
        this.text = text;
    }

    /** As {@link JobTexts#problem} has it. */
    public String text() {
        return text;
    }
}
