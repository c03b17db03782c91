package io.cowslip.drive;

import io.cowslip.drive.DriveException.Reason;
import java.time.Duration;
import java.time.Instant;
import org.jspecify.annotations.Nullable;

/** One unfinished upload. Its fields are guarded by its monitor, but for what a session alone uses while it has it. */
final class Upload {
    private final String name;
    private final UploadPlace place;
    private long offset;
    private @Nullable Long length;
    private Instant touched;
    private boolean attached;
    private boolean cancelled;

    /** Of the bytes before the offset; null: not known, as after a restart. */
    private @Nullable UploadDigests digests;

    Upload(String name, UploadPlace place, long offset, @Nullable Long length, Instant touched) {
        this.name = name;
        this.place = place;
        this.offset = offset;
        this.length = length;
        this.touched = touched;
    }

    String name() {
        return name;
    }

    UploadPlace place() {
        return place;
    }

    /** Takes the upload for one request or job. */
    synchronized void attach() {
        requireWanted();
        if (attached) {
            throw new DriveException(
                    Reason.IN_USE,
                    "\"" + name + "\" is being uploaded or imported by another request; go on once that has ended");
        }
        attached = true;
    }

    synchronized void detach(Instant now) {
        attached = false;
        touched = now;
    }

    /** Whether it is nobody's and was not touched since; then nobody gets it any more. */
    synchronized boolean expire(Instant before) {
        if (attached || touched.isAfter(before)) {
            return false;
        }
        cancelled = true;
        return true;
    }

    /** Lets nobody go on with it; whether its files may go at once, since nobody has it. */
    synchronized boolean cancel() {
        cancelled = true;
        return !attached;
    }

    synchronized boolean isCancelled() {
        return cancelled;
    }

    private void requireWanted() {
        if (cancelled) {
            throw new DriveException(Reason.NO_SUCH_UPLOAD, "the upload of \"" + name + "\" was cancelled");
        }
    }

    /** Notes that bytes up to here have come in. */
    synchronized void advance(long to) {
        requireWanted();
        offset = to;
    }

    /** Notes how many of them are durable, which are all unless the host failed. */
    synchronized void settle(long durableEnd) {
        if (durableEnd < offset) {
            offset = durableEnd;
            digests = null;
        }
    }

    synchronized long offset() {
        return offset;
    }

    synchronized void setLength(long bytes) {
        length = bytes;
    }

    synchronized @Nullable Long length() {
        return length;
    }

    @Nullable
    UploadDigests digests() {
        return digests;
    }

    void setDigests(@Nullable UploadDigests begun) {
        digests = begun;
    }

    synchronized UploadStatus status(Duration expiry) {
        return new UploadStatus(name, offset, length, attached, touched, attached ? null : touched.plus(expiry));
    }
}
