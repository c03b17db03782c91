package io.cowslip.web;

import io.swagger.v3.oas.annotations.media.Schema;

/**
 * A run of the disk that is marked in a bitmap or not, in the words of imageio.
 *
 * @param start guest offset in bytes
 * @param length bytes
 * @param dirty whether the bitmap has the run marked
 * @param zero whether the run reads as zeros without a look at any data
 */
@Schema(description = "A run of the disk that a bitmap has marked or not")
record DirtyExtent(long start, long length, boolean dirty, boolean zero) {}
