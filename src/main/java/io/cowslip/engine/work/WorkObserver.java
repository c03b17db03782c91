package io.cowslip.engine.work;

import java.util.concurrent.CancellationException;

/**
 * Who watches a check, a repair, a copy or a comparison of disks, and may stop it. Called from several threads at once, a few times per
 * second.
 */
public interface WorkObserver {
    /** Watches nothing and never stops. */
    WorkObserver NONE = (doneBytes, totalBytes) -> {};

    /**
     * So much is done, of the metadata or of the disk. A repair goes over the metadata several times, so its figures
     * begin anew.
     *
     * @param doneBytes bytes dealt with so far
     * @param totalBytes bytes to deal with, as far as it is known by now
     * @throws CancellationException to stop as soon as possible. A check and a comparison leave no trace; a repair leaves
     *     what it has done, which is never worse than what it found; a copy leaves a target that is of no use
     */
    void advanced(long doneBytes, long totalBytes);
}
