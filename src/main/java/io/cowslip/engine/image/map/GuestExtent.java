package io.cowslip.engine.image.map;

/**
 * A run of the disk that reads alike, as callers outside see it.
 *
 * @param start guest offset in bytes
 * @param length bytes
 * @param zero whether the run reads as zeros without a look at any data
 * @param hole whether no layer says anything about the run: unallocated in every qcow2 layer, a hole in a raw file. A
 *     cluster that a layer declares zero is no hole: it hides what lies below
 */
public record GuestExtent(long start, long length, boolean zero, boolean hole) {}
