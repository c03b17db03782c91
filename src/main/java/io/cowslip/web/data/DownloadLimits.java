package io.cowslip.web.data;

import io.cowslip.web.problem.ProblemType;
import io.cowslip.web.problem.Refusal;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import org.springframework.http.HttpHeaders;

/** What qcow2 downloads may take of the service, all together. Any thread. */
final class DownloadLimits {
    private static final String RETRY_SECONDS = "10";

    /** Most plans take less than that. */
    private static final long PATIENCE_MILLIS = 2000;

    private final Semaphore compressed;
    private final Semaphore plans;
    private final long memoryBytes;
    private final AtomicLong memoryTaken = new AtomicLong();

    /**
     * @param compressedAtOnce how many answers may be compressed at once: each takes all processors
     * @param plansAtOnce how many others may be planned at once: each reads all of a disk's tables
     * @param memoryBytes of the heap that may hold plans
     */
    DownloadLimits(int compressedAtOnce, int plansAtOnce, long memoryBytes) {
        this.compressed = new Semaphore(compressedAtOnce);
        this.plans = new Semaphore(plansAtOnce);
        this.memoryBytes = memoryBytes;
    }

    /** One of so many, until it is closed. */
    interface Permit extends AutoCloseable {
        @Override
        void close();
    }

    /** To compress an answer, from its planning to its last byte. */
    Permit toCompress() {
        if (!compressed.tryAcquire()) {
            throw reached("as many downloads are being compressed as cowslip.web.compressed-downloads allows");
        }
        return compressed::release;
    }

    /** To plan an answer that is not compressed. Waits a little. */
    Permit toPlan() {
        try {
            if (!plans.tryAcquire(PATIENCE_MILLIS, TimeUnit.MILLISECONDS)) {
                throw reached("as many downloads are being planned as cowslip.web.download-plans allows");
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw Refusal.of(ProblemType.UNAVAILABLE, "the service is on its way out");
        }
        return plans::release;
    }

    /**
     * Takes memory for a plan.
     *
     * @param held what the plan has already
     */
    void reserve(long held, long bytes) {
        if (held + bytes > memoryBytes) {
            throw Refusal.of(
                    ProblemType.LIMIT_REACHED,
                    "to note where the disk's data is takes more than the " + memoryBytes
                            + " bytes that cowslip.web.download-memory allows; a job converts it without");
        }
        if (memoryTaken.addAndGet(bytes) > memoryBytes) {
            release(bytes);
            throw reached("downloads that are under way have taken the memory that cowslip.web.download-memory allows");
        }
    }

    void release(long bytes) {
        memoryTaken.addAndGet(-bytes);
    }

    private static Refusal reached(String detail) {
        return Refusal.of(ProblemType.LIMIT_REACHED, detail).with(HttpHeaders.RETRY_AFTER, RETRY_SECONDS);
    }
}
