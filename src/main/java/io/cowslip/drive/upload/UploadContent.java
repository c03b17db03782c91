package io.cowslip.drive.upload;

import io.cowslip.engine.ImageException;
import io.cowslip.engine.ImageException.Kind;
import io.cowslip.engine.host.HostFile;
import io.cowslip.engine.host.HostFiles;
import io.cowslip.engine.host.ImageLock;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Objects;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.FutureTask;
import org.jspecify.annotations.Nullable;

/**
 * The bytes of an unfinished upload on the host. Runs of zeros become holes. What has come in is made durable while more
 * comes, by a thread of its own, so that little is left for the end, and noted in the log only then: the log never tells
 * of a byte that a power cut could take. Used by one thread.
 */
final class UploadContent implements AutoCloseable {
    private static final int HOLE_BYTES = 4096;
    private static final long SYNC_BYTES = 64L << 20;

    private final HostFile file;
    private final UploadLog log;
    private long end;
    private long syncedEnd;

    /** What is surely on stable storage. Written by the thread that syncs. */
    private volatile long durableEnd;

    private boolean held;
    private boolean failed;
    private boolean settled;
    private boolean closed;
    private @Nullable FutureTask<Void> syncing;

    private UploadContent(HostFile file, UploadLog log, long end) {
        this.file = file;
        this.log = log;
        this.end = end;
        this.syncedEnd = end;
        this.durableEnd = end;
    }

    /**
     * Opens the file, or makes it where nothing has come in yet, and locks it. What may be behind {@code end} goes.
     *
     * @throws ImageException NOT_FOUND when bytes before {@code end} are not there any more; BUSY
     */
    static UploadContent open(UploadPlace place, long end, HostFiles files) throws IOException {
        HostFile there = openUnlessNew(place, end, files);
        boolean isNew = there == null;
        HostFile file = there == null ? files.open(place.content(), HostFiles.Mode.CREATE_NEW) : there;
        boolean ready = false;
        try {
            file.lock(ImageLock.WRITER);
            requirePresent(file, end);
            file.truncate(end);
            if (isNew) {
                files.syncFolder(Objects.requireNonNull(place.content().getParent()));
            }
            ready = true;
            return new UploadContent(file, place.log(), end);
        } finally {
            if (!ready) {
                file.close();
            }
        }
    }

    /** Null where there is no file, and need be none yet. */
    private static @Nullable HostFile openUnlessNew(UploadPlace place, long end, HostFiles files) throws IOException {
        try {
            return files.open(place.content(), HostFiles.Mode.READ_WRITE);
        } catch (ImageException refused) {
            if (end == 0 && refused.kind() == Kind.NOT_FOUND) {
                return null;
            }
            throw refused;
        }
    }

    /** A file that is made longer would have zeros in the place of what is lost. */
    private static void requirePresent(HostFile file, long end) throws IOException {
        long size = file.sizeBytes();
        if (size < end) {
            throw ImageException.of(
                    Kind.NOT_FOUND,
                    "the host has " + size + " of the " + end + " bytes that came in; begin the upload anew by PUT");
        }
    }

    /** The file itself. A hole at the end of what has come in so far is not in it before {@link #finish}. */
    HostFile file() {
        return file;
    }

    void append(MemorySegment bytes) throws IOException {
        settled = false;
        long position = 0;
        while (position < bytes.byteSize()) {
            boolean zeros = isZero(bytes, position, pieceEnd(bytes, position));
            long runEnd = pieceEnd(bytes, position);
            while (runEnd < bytes.byteSize() && isZero(bytes, runEnd, pieceEnd(bytes, runEnd)) == zeros) {
                runEnd = pieceEnd(bytes, runEnd);
            }
            if (!zeros) {
                file.write(end + position, bytes.asSlice(position, runEnd - position));
            }
            position = runEnd;
        }
        end += bytes.byteSize();
        if (end - syncedEnd >= SYNC_BYTES) {
            syncBeside();
        }
    }

    private long pieceEnd(MemorySegment bytes, long position) {
        long boundary = (end + position & -HOLE_BYTES) + HOLE_BYTES;
        return Math.min(bytes.byteSize(), boundary - end);
    }

    /** Whether all bytes are 0. */
    private static boolean isZero(MemorySegment bytes, long from, long to) {
        return bytes.get(ValueLayout.JAVA_BYTE, from) == 0
                && MemorySegment.mismatch(bytes, from, to - 1, bytes, from + 1, to) < 0;
    }

    private void syncBeside() throws IOException {
        if (syncing != null && !syncing.isDone()) {
            return;
        }
        awaitSync();
        long begunEnd = end;
        boolean counts = !held;
        syncedEnd = begunEnd;
        FutureTask<Void> sync = new FutureTask<>(() -> {
            file.sync();
            if (counts) {
                log.noteOffset(begunEnd);
                durableEnd = begunEnd;
            }
            return null;
        });
        syncing = sync;
        Thread.ofPlatform().daemon().name("upload-sync").start(sync);
    }

    private void awaitSync() throws IOException {
        FutureTask<Void> sync = syncing;
        syncing = null;
        boolean interrupted = false;
        while (sync != null) {
            try {
                sync.get();
                sync = null;
            } catch (InterruptedException e) {
                // The file is closed after this: the thread must be through with it.
                interrupted = true;
            } catch (ExecutionException failure) {
                sync = null;
                failed = true;
                if (failure.getCause() instanceof IOException io) {
                    throw io;
                }
                throw new IllegalStateException(failure.getCause());
            }
        }
        if (interrupted) {
            Thread.currentThread().interrupt();
        }
    }

    /** What comes in from here on does not count, however durable it is, until {@link #release}. */
    void hold() {
        held = true;
    }

    /** All that has come in counts. */
    void release() {
        held = false;
    }

    /** Forgets what is behind {@code newEnd}. */
    void truncate(long newEnd) throws IOException {
        awaitSync();
        settled = false;
        log.noteOffset(Math.min(durableEnd, newEnd));
        file.truncate(newEnd);
        durableEnd = Math.min(durableEnd, newEnd);
        end = newEnd;
        syncedEnd = durableEnd;
    }

    /** Reads bytes that have come in. */
    MemorySegment read(long offset, MemorySegment into) throws IOException {
        long count = file.read(offset, into);
        // A hole at the end of what has come in so far is not in the file yet.
        into.asSlice(count).fill((byte) 0);
        return into;
    }

    /**
     * Makes everything durable, and the file as long as what has come in. A host that has failed to once may say later that
     * all is well, when it has forgotten what it could not write: nothing is believed then that was not durable before.
     */
    void finish() throws IOException {
        awaitSync();
        if (failed) {
            throw ImageException.of(Kind.IO, "the host has failed before to make durable what came in");
        }
        if (settled) {
            return;
        }
        boolean done = false;
        try {
            file.truncate(end);
            file.sync();
            log.noteOffset(end);
            durableEnd = end;
            settled = true;
            done = true;
        } finally {
            failed = !done;
        }
    }

    /** Makes durable what can be and counts, and takes away what is not. {@link #durableEnd} tells where that ends. */
    void settle() throws IOException {
        if (closed) {
            return;
        }
        try {
            if (!held) {
                finish();
            }
        } finally {
            if (held || failed) {
                file.truncate(durableEnd);
            }
        }
    }

    /** How many bytes are surely on stable storage, and count. */
    long durableEnd() {
        return durableEnd;
    }

    @Override
    public void close() throws IOException {
        closed = true;
        try {
            awaitSync();
        } finally {
            file.close();
        }
    }
}
