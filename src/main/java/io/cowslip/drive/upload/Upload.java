package io.cowslip.drive.upload;

import io.cowslip.drive.DriveException;
import io.cowslip.drive.DriveException.Reason;
import java.io.IOException;
import java.io.InterruptedIOException;
import java.time.Duration;
import java.time.Instant;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/**
 * One unfinished upload. Its fields are guarded by its monitor, but for what a session alone uses while it has it. It ends
 * once, and who ended it takes its files away: nobody else touches them then.
 */
final class Upload {
    /** What may be done with it. */
    private enum State {
        /** Nobody's: it waits to be gone on with. */
        IDLE,
        /** Of one request or job. */
        ATTACHED,
        /** The same, and given up meanwhile: who has it ends it. */
        CANCELLED,
        /** On its way to the volume's name, which is not stopped any more. */
        PUBLISHING,
        /** Not an upload any more. */
        OVER
    }

    private final String name;
    private final UploadPlace place;
    private long offset;
    private @Nullable Long length;
    private Instant touched;
    private State state = State.IDLE;
    private final CountDownLatch removed = new CountDownLatch(1);

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
        if (state != State.IDLE) {
            throw inUse("is being uploaded or imported by another request; go on once that has ended");
        }
        state = State.ATTACHED;
    }

    /** Lets go of it. Whether that has ended it, since it was given up meanwhile. */
    synchronized boolean detach(Instant now) {
        if (state == State.CANCELLED) {
            state = State.OVER;
            return true;
        }
        if (state != State.OVER) {
            state = State.IDLE;
            touched = now;
        }
        return false;
    }

    /** Ends it if it is nobody's and was not touched since. Whether that was so. */
    synchronized boolean expire(Instant before) {
        return !touched.isAfter(before) && endIfIdle();
    }

    private boolean endIfIdle() {
        if (state != State.IDLE) {
            return false;
        }
        state = State.OVER;
        return true;
    }

    /**
     * Lets nobody go on with it.
     *
     * @return whether that has ended it; otherwise who has it does so
     * @throws DriveException IN_USE when it is just becoming a volume
     */
    synchronized boolean cancel() {
        if (state == State.PUBLISHING) {
            throw inUse("has all its bytes and is just becoming a volume, which DELETE /volumes deletes");
        }
        if (state == State.ATTACHED) {
            state = State.CANCELLED;
        }
        return endIfIdle();
    }

    /**
     * Ends it so that another takes its place.
     *
     * @return false: it is ending already, which {@link #awaitRemoved} waits for
     * @throws DriveException IN_USE when somebody has it
     */
    synchronized boolean replace() {
        if (state == State.ATTACHED || state == State.PUBLISHING) {
            throw inUse("is being uploaded or imported by another request; go on once that has ended");
        }
        return endIfIdle();
    }

    /** Ends it for its holder. */
    synchronized void end() {
        state = State.OVER;
    }

    /** From here on it is not given up any more, until its holder lets go of it. */
    synchronized void beginPublishing() {
        requireWanted();
        state = State.PUBLISHING;
    }

    synchronized boolean isOver() {
        return state == State.OVER;
    }

    /** Refuses one that was given up. */
    synchronized void requireWanted() {
        if (state == State.CANCELLED || state == State.OVER) {
            throw new DriveException(Reason.NO_SUCH_UPLOAD, "the upload of \"" + name + "\" was cancelled");
        }
    }

    private DriveException inUse(String why) {
        return new DriveException(Reason.IN_USE, "\"" + name + "\" " + why);
    }

    /** Notes that its files are gone, or not to be touched for it any more. */
    void noteRemoved() {
        removed.countDown();
    }

    /** Waits for that, and refuses where it takes longer than {@code patience}. */
    void awaitRemoved(Duration patience) throws IOException {
        try {
            if (!removed.await(patience.toMillis(), TimeUnit.MILLISECONDS)) {
                throw inUse("is being given up, which its request has not noticed yet; try again once it has ended");
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new InterruptedIOException("interrupted while an earlier upload was being taken away");
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
        boolean arriving = state != State.IDLE;
        return new UploadStatus(name, offset, length, arriving, touched, arriving ? null : touched.plus(expiry));
    }
}
