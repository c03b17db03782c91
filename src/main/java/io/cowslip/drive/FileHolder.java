package io.cowslip.drive;

import java.util.Locale;

/** Who has files of the image root in use, as messages name it. */
public record FileHolder(Kind kind, String id) {

    /** What it is. */
    public enum Kind {
        DRIVE,
        JOB,
        DOWNLOAD,
        DELETION
    }

    /** The open drive of this id. */
    public static FileHolder of(DriveId drive) {
        return new FileHolder(Kind.DRIVE, drive.value());
    }

    /** The job of this id. */
    public static FileHolder job(String id) {
        return new FileHolder(Kind.JOB, id);
    }

    /** A request that reads a whole file or disk, by its number. */
    public static FileHolder download(String number) {
        return new FileHolder(Kind.DOWNLOAD, number);
    }

    /** Who wipes and deletes the volume of this name. */
    public static FileHolder deletion(String volume) {
        return new FileHolder(Kind.DELETION, volume);
    }

    /** Whether it counts among the drives that may be open at once. */
    public boolean isDrive() {
        return kind == Kind.DRIVE;
    }

    @Override
    public String toString() {
        return kind.name().toLowerCase(Locale.ROOT) + " \"" + id + "\"";
    }
}
