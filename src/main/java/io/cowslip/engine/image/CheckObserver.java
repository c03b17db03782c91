package io.cowslip.engine.image;

import java.util.concurrent.CancellationException;

/** Who watches a check or a repair, and may stop it. Called from several threads at once, a few times per second. */
public interface CheckObserver {
    /** Watches nothing and never stops. */
    CheckObserver NONE = (doneBytes, totalBytes) -> {};

    /**
     * So much metadata is done. A repair goes over the metadata several times, so its figures begin anew.
     *
     * @param doneBytes metadata read so far
     * @param totalBytes metadata to read, as far as it is known by now
     * @throws CancellationException to stop as soon as possible. A check leaves no trace; a repair leaves what it has
     *     done, which is never worse than what it found
     */
    void advanced(long doneBytes, long totalBytes);
}
