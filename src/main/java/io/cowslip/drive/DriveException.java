package io.cowslip.drive;

/** A request to the service layer that cannot be met, by {@link Reason}; failures of the engine stay what they are. */
public final class DriveException extends RuntimeException {

    /** Why. */
    public enum Reason {
        /** No drive is open under the id. */
        NO_SUCH_DRIVE,
        /** The id is taken by an open drive. */
        ID_TAKEN,
        /** The file is open as a drive, or other volumes need it. */
        IN_USE,
        /** The drive is on its way out. */
        CLOSING,
        /** The service is on its way out, or not ready. */
        UNAVAILABLE,
        /** A limit of the service is reached. */
        LIMIT_REACHED,
        /** No upload of this name is under way. */
        NO_SUCH_UPLOAD,
        /** A file is larger than any may be. */
        TOO_LARGE,
        /** Bytes are not those that were announced. */
        DIGEST_MISMATCH
    }

    private static final long serialVersionUID = 1;

    private final Reason reason;

    /** @param message for the caller: names the drive or the file, and what would be right */
    public DriveException(Reason reason, String message) {
        super(message);
        this.reason = reason;
    }

    /** That no drive of this id is open. */
    public static DriveException noSuchDrive(DriveId id) {
        return new DriveException(Reason.NO_SUCH_DRIVE, "there is no drive \"" + id + "\"");
    }

    /** What callers may tell apart; the message is for people. */
    public Reason reason() {
        return reason;
    }
}
