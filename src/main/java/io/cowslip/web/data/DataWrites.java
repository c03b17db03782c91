package io.cowslip.web.data;

import io.cowslip.drive.registry.DriveLease;
import io.cowslip.drive.registry.DriveObserver.Operation;
import io.cowslip.engine.image.DiskImage;
import io.cowslip.web.data.TransferBuffers.Buffer;
import io.cowslip.web.problem.ProblemType;
import io.cowslip.web.problem.Refusal;
import jakarta.servlet.http.HttpServletRequest;
import jakarta.servlet.http.HttpServletResponse;
import java.io.IOException;

/**
 * PUT and PATCH of a disk's bytes: from the socket straight to the image, through one buffer. A body that breaks off
 * leaves a prefix written. Each write of a buffer is a change of its own, except on condition of a state: then the check
 * and all that is written are one change, which begins once the first buffer is full.
 */
final class DataWrites {
    /** A body that breaks off leaves each sector as it was or as it was sent. */
    private static final int SECTOR_BYTES = 512;

    private final TransferBuffers buffers;
    private final ContentDigests digests;
    private final OperationClock clock;

    DataWrites(TransferBuffers buffers, ContentDigests digests, OperationClock clock) {
        this.buffers = buffers;
        this.digests = digests;
        this.clock = clock;
    }

    /** Writes the body where Content-Range says, or at the start of the disk; then flushes where asked to. */
    void write(DriveLease lease, HttpServletRequest request, boolean flush) throws IOException {
        DiskImage image = lease.image();
        refuseReadOnly(image);
        Preconditions.checkChange(request, lease.dataVersion());
        WriteBody body = WriteBody.of(request, lease.sizeBytes());
        try (ConditionalChange change = new ConditionalChange(lease, request)) {
            clock.time(
                    lease.id(),
                    Operation.WRITE,
                    () -> digests.sentWith(request)
                            ? digests.writeVerified(change, body, request)
                            : copy(body, change, image.writeUnitBytes()));
        }
        if (flush) {
            flush(lease);
        }
    }

    /** Does what an operation without data asks for. */
    void apply(DataOperation operation, DriveLease lease, HttpServletRequest request) throws IOException {
        try (ConditionalChange change = new ConditionalChange(lease, request)) {
            switch (operation) {
                case DataOperation.Zero zero ->
                    clock.time(lease.id(), Operation.ZERO, () -> {
                        change.make(image ->
                                image.zero(zero.range().start(), zero.range().length()));
                        return zero.range().length();
                    });
                case DataOperation.Discard discard ->
                    clock.time(lease.id(), Operation.DISCARD, () -> {
                        change.make(image -> image.discard(
                                discard.range().start(), discard.range().length()));
                        return discard.range().length();
                    });
                case DataOperation.Flush flush -> flush(lease);
            }
        }
        if (operation.thenFlush()) {
            flush(lease);
        }
    }

    private void flush(DriveLease lease) throws IOException {
        clock.time(lease.id(), Operation.FLUSH, () -> {
            lease.image().flush();
            return 0;
        });
    }

    /** Sends the answer now: a service that is stopping counts a request as done once its handler has returned. */
    static void acknowledge(HttpServletResponse response) throws IOException {
        response.setContentLength(0);
        response.flushBuffer();
    }

    static void refuseReadOnly(DiskImage image) {
        if (image.readOnly()) {
            throw Refusal.of(ProblemType.READ_ONLY, "the drive is open with read-only true");
        }
        if (image.isCorrupt()) {
            throw Refusal.of(
                    ProblemType.READ_ONLY,
                    "the drive is read-only since its image was found corrupt; close it, and repair the image by a job"
                            + " of type check with \"repair\": \"all\"");
        }
    }

    /** @param unitBytes what each write but the first and the last is to begin and end at multiples of */
    private long copy(WriteBody body, ConditionalChange change, int unitBytes) throws IOException {
        ByteWindow window = body.window();
        long received = 0;
        try (Buffer buffer = unitBytes == 1 ? buffers.take() : buffers.takeLarge(unitBytes)) {
            boolean more = window.length() > 0;
            while (more) {
                long past = (window.start() + received) % Math.max(unitBytes, SECTOR_BYTES);
                int step = (int) Math.min(buffer.sizeBytes() - past, window.length() - received);
                int count = body.fill(buffer.view(step));
                if (count > 0) {
                    change.write(window.start() + received, buffer.memory(count));
                }
                received += count;
                more = count == step && received < window.length();
            }
        }
        body.checkEnd(received);
        return received;
    }
}
