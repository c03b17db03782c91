package io.cowslip.web.data;

import io.cowslip.engine.image.export.ExportPlanning;
import io.cowslip.web.problem.ProblemType;
import io.cowslip.web.problem.Refusal;
import io.cowslip.web.server.ConnectionAdapter;
import jakarta.servlet.http.HttpServletRequest;
import java.util.concurrent.TimeUnit;
import java.util.function.BooleanSupplier;
import org.springframework.http.HttpHeaders;

/**
 * Sees to it that a download is planned only as long as its client and the service are there, and holds the memory that
 * its plan takes. Used by the thread that answers.
 */
final class DownloadPlanning implements ExportPlanning, AutoCloseable {
    private static final long BETWEEN_LOOKS_NANOS = TimeUnit.MILLISECONDS.toNanos(200);
    private static final String RETRY_SECONDS = "30";

    private final DownloadLimits limits;
    private final HttpServletRequest request;
    private final BooleanSupplier ending;
    private long lastLookNanos = System.nanoTime();
    private long heldBytes;

    /** @param ending whether the service ends */
    DownloadPlanning(DownloadLimits limits, HttpServletRequest request, BooleanSupplier ending) {
        this.limits = limits;
        this.request = request;
        this.ending = ending;
    }

    @Override
    public void requireWanted() {
        long now = System.nanoTime();
        if (now - lastLookNanos < BETWEEN_LOOKS_NANOS) {
            return;
        }
        lastLookNanos = now;
        if (ending.getAsBoolean()) {
            throw Refusal.of(ProblemType.UNAVAILABLE, "the service ends, and the download had not begun yet")
                    .with(HttpHeaders.RETRY_AFTER, RETRY_SECONDS);
        }
        if (ConnectionAdapter.isClosedByClient(request)) {
            throw Refusal.of(ProblemType.INVALID_REQUEST, "the client closed the connection before the download began");
        }
    }

    @Override
    public void reserve(long bytes) {
        limits.reserve(heldBytes, bytes);
        heldBytes += bytes;
    }

    @Override
    public void close() {
        limits.release(heldBytes);
        heldBytes = 0;
    }
}
