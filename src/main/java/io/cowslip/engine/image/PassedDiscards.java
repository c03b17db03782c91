package io.cowslip.engine.image;

/**
 * Which of the space that an image lets go of is given back to the host, and what keeps its place all the same: QEMU's
 * {@code pass-discard-request}, {@code pass-discard-snapshot}, {@code pass-discard-other} and {@code discard-no-unref},
 * which may change while the image is open. Any thread.
 */
final class PassedDiscards {
    private volatile boolean request = true;
    private volatile boolean snapshot = true;
    private volatile boolean other;
    private volatile boolean keepsClusters;

    /** Does as {@code options} say from now on. */
    void follow(ImageOptions options) {
        WriteOptions writes = options.writes();
        Boolean asked = writes.passDiscardRequest();
        request = asked == null ? options.discard() == ImageOptions.DiscardMode.UNMAP : asked;
        snapshot = writes.passDiscardSnapshot();
        other = writes.passDiscardOther();
        keepsClusters = writes.discardNoUnref();
    }

    /** What the guest discarded or zeroed. */
    boolean request() {
        return request;
    }

    /** What only a snapshot had that is deleted. */
    boolean snapshot() {
        return snapshot;
    }

    /** What was moved or written over. */
    boolean other() {
        return other;
    }

    /** Whether clusters keep their place in the file that the guest discards. */
    boolean keepsClusters() {
        return keepsClusters;
    }
}
