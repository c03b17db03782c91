package io.cowslip.engine.image;

/**
 * A run of the disk that may read differently in two of its states, or reads alike in both.
 *
 * @param start guest offset in bytes
 * @param length bytes
 * @param changed whether the run may differ; where false it does not
 * @param zero whether a changed run reads as zeros in the later state without a look at any data; false where it did not
 *     change, since no table is read to find that out
 */
public record GuestChange(long start, long length, boolean changed, boolean zero) {}
