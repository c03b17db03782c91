package io.cowslip.engine.image.map;

import io.cowslip.engine.image.options.ImageOptions;
import io.cowslip.engine.image.options.WriteOptions;

/**
 * Which of the space that an image lets go of is given back to the host, and what keeps its place all the same: QEMU's
 * {@code pass-discard-request}, {@code pass-discard-snapshot}, {@code pass-discard-other} and {@code discard-no-unref},
 * which may change while the image is open. Any thread.
 */
public final class PassedDiscards {
    private volatile boolean request = true;
    private volatile boolean snapshot = true;
    private volatile boolean other;
    private volatile boolean keepsClusters;

    /** Does as {@code options} say from now on. */
    public void follow(ImageOptions options) {
        WriteOptions writes = options.writes();
        Boolean asked = writes.passDiscardRequest();
        request = asked == null ? options.discard() == ImageOptions.DiscardMode.UNMAP : asked;
        snapshot = writes.passDiscardSnapshot();
        other = writes.passDiscardOther();
        keepsClusters = writes.discardNoUnref();
    }

    /** What the guest discarded or zeroed. */
    public boolean request() {
        return request;
    }

    /** What only a snapshot had that is deleted. */
    public boolean snapshot() {
        return snapshot;
    }

    /** What was moved or written over. */
    public boolean other() {
        return other;
    }

    /** Whether clusters keep their place in the file that the guest discards. */
    public boolean keepsClusters() {
        return keepsClusters;
    }
}
