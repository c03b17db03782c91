package io.cowslip.engine.image;

/**
 * A run of the disk that reads alike, as callers outside see it.
 *
 * @param start guest offset in bytes
 * @param length bytes
 * @param zero whether the run reads as zeros without a look at any data
 * @param hole whether nothing is allocated for the run in any layer
 */
public record GuestExtent(long start, long length, boolean zero, boolean hole) {}
