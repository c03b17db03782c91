package io.cowslip.drive;

/** Is told what was refused, or cut off, because of a limit. Any thread. */
@FunctionalInterface
public interface LimitObserver {

    /** @param limit what was reached: a short name from a small set, fit for a meter's tag */
    void refused(String limit);
}
