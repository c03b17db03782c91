package io.cowslip.drive.upload;

import io.cowslip.drive.DriveException;
import io.cowslip.engine.ImageException;
import io.cowslip.engine.ImageException.Kind;
import io.cowslip.engine.host.IoBuffers;
import io.cowslip.engine.image.ImageInfo;
import io.cowslip.engine.image.ImageProbe;
import io.cowslip.engine.work.WorkObserver;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.List;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * One request's hold on an upload: bytes are added to its end, and in the end it becomes a volume. What was added is kept
 * when the session is closed, and durable then. Used by one thread.
 */
public final class UploadSession implements AutoCloseable {
    private static final long READ_BYTES = 1 << 20;

    private final Uploads uploads;
    private final Upload upload;
    private final UploadContent content;
    private final UploadRules rules;
    private boolean examined;
    private boolean gone;

    private UploadSession(Uploads uploads, Upload upload, UploadContent content, UploadRules rules) {
        this.uploads = uploads;
        this.upload = upload;
        this.content = content;
        this.rules = rules;
        this.examined = upload.offset() >= ImageProbe.LENGTH_BYTES;
    }

    /** Opens the files of an upload that is attached for this. */
    static UploadSession open(Uploads uploads, Upload upload, UploadRules rules) throws IOException {
        UploadContent content = UploadContent.open(upload.place(), upload.offset(), uploads.files());
        return new UploadSession(uploads, upload, content, rules);
    }

    /** The volume that the upload is to become, relative to the image root. */
    public String name() {
        return upload.name();
    }

    /** How many bytes there are. */
    public long offset() {
        return upload.offset();
    }

    /** How long the whole file is going to be; null: not known yet. */
    public @Nullable Long length() {
        return upload.length();
    }

    /** Notes how long the whole file is going to be, if that is not known yet. */
    public void announceLength(long bytes) throws IOException {
        uploads.requireAllowed(bytes, upload.offset(), rules, upload.place());
        if (upload.length() == null) {
            upload.place().log().noteLength(bytes);
            upload.setLength(bytes);
        }
    }

    /** The digests of all bytes so far; null where they were not begun with the first. */
    public @Nullable UploadDigests digests() {
        return upload.digests();
    }

    /** Begins digests, where no byte is there yet. */
    public void beginDigests(UploadDigests digests) {
        if (upload.offset() == 0) {
            upload.setDigests(digests);
        }
    }

    /**
     * Adds bytes. As soon as there is enough to see that the file is not what it must be, it is refused, and gone.
     *
     * @throws ImageException NO_SPACE, and then all before is kept; INVALID_FORMAT, UNSUPPORTED_FEATURE
     */
    public void append(MemorySegment bytes) throws IOException {
        long end = upload.offset() + bytes.byteSize();
        refusedIsGone(() -> uploads.requireAllowed(end));
        content.append(bytes);
        UploadDigests digests = upload.digests();
        if (digests != null) {
            digests.update(bytes);
        }
        upload.advance(end);
        if (!examined && end >= ImageProbe.LENGTH_BYTES) {
            examined = true;
            Long length = upload.length();
            long fileSize = length == null ? Long.MAX_VALUE : length;
            refusedIsGone(() -> check(ImageProbe.ofBeginning(content.file(), rules.format(), fileSize)));
        }
    }

    /** A point to go back to. What is added from here on does not count before {@link #verified}. */
    public Mark hold() {
        content.hold();
        UploadDigests digests = upload.digests();
        return new Mark(upload.offset(), digests == null ? null : digests.copy());
    }

    /** The state of an upload at one moment. */
    public record Mark(long offsetBytes, @Nullable UploadDigests digests) {}

    /** Counts what was added since. */
    public void verified() {
        content.release();
    }

    /** Forgets what was added since. */
    public void goBack(Mark mark) throws IOException {
        content.truncate(mark.offsetBytes());
        content.release();
        upload.advance(mark.offsetBytes());
        upload.setDigests(mark.digests());
    }

    /** Makes what was added durable. Where the host fails to, the upload is what it was. */
    public void settle() throws IOException {
        content.finish();
    }

    /** Forgets everything. */
    public void discard() throws IOException {
        gone = true;
        upload.end();
        try {
            content.close();
        } finally {
            uploads.remove(upload);
        }
    }

    /** Refuses to go on with an upload that was given up. */
    public void requireWanted() {
        upload.requireWanted();
    }

    /** The same, and from here on it is not given up any more. */
    public void beginPublishing() {
        upload.beginPublishing();
    }

    /** Ends the upload, of which there is a volume. */
    public void complete() throws IOException {
        gone = true;
        try {
            content.close();
        } finally {
            uploads.complete(upload);
        }
    }

    /**
     * Gives the whole file the volume's name, durably.
     *
     * @return the facts of the volume and of the chain below it
     * @throws ImageException INVALID_FORMAT, UNSUPPORTED_FEATURE, and then the upload is gone; ALREADY_EXISTS; what the
     *     chain below is refused for
     */
    public List<ImageInfo> publish() throws IOException {
        examine();
        try {
            return uploads.publish(upload, rules);
        } finally {
            if (upload.isOver()) {
                gone = true;
                content.close();
            }
        }
    }

    /** Reads the whole file for these digests. */
    public UploadDigests readDigests(Set<String> algorithms, WorkObserver observer) throws IOException {
        UploadDigests digests = UploadDigests.of(algorithms);
        long size = upload.offset();
        try (IoBuffers.Loan loan = IoBuffers.borrow(READ_BYTES)) {
            for (long position = 0; position < size; position += READ_BYTES) {
                observer.advanced(position, size);
                digests.update(content.read(position, loan.segment(Math.min(READ_BYTES, size - position))));
            }
        }
        observer.advanced(size, size);
        return digests;
    }

    /**
     * Examines the file, which is whole, and closes it, so that it can be opened as an image.
     *
     * @return where it is, until this session is closed
     */
    public Path examinedFile() throws IOException {
        examine();
        content.close();
        return upload.place().content();
    }

    /** Whether there is nothing any more to add to. */
    public boolean isGone() {
        return gone;
    }

    private void examine() throws IOException {
        content.finish();
        refusedIsGone(() -> check(ImageProbe.ofWhole(content.file(), rules.format())));
    }

    private void check(ImageProbe probe) throws ImageException {
        rules.check(uploads.root(), upload.place().content(), probe);
    }

    @FunctionalInterface
    private interface Check {
        void make() throws IOException;
    }

    private void refusedIsGone(Check check) throws IOException {
        try {
            check.make();
        } catch (ImageException refused) {
            // What it is to stand on may be there when the upload goes on.
            if (refused.kind() != Kind.IO && refused.kind() != Kind.NOT_FOUND) {
                discard();
            }
            throw refused;
        } catch (DriveException refused) {
            discard();
            throw refused;
        }
    }

    @Override
    public void close() throws IOException {
        if (gone) {
            return;
        }
        gone = true;
        try (content) {
            content.settle();
        } finally {
            upload.settle(content.durableEnd());
            uploads.release(upload);
        }
    }
}
