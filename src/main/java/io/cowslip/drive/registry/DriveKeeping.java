package io.cowslip.drive.registry;

/** What becomes of a drive when the service ends and starts anew. */
public enum DriveKeeping {
    /** It is open again, by the catalogue. */
    KEPT,
    /** It is open again, by the configuration; the catalogue knows nothing of it. */
    CONFIGURED,
    /** It is gone. */
    EPHEMERAL
}
