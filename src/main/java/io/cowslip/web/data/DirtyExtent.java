package io.cowslip.web.data;

import io.swagger.v3.oas.annotations.media.Schema;

/**
 * A run of the disk that changed or did not, in the words of imageio.
 *
 * @param start guest offset in bytes
 * @param length bytes
 * @param dirty whether the bitmap has the run marked, or the run may differ from what it was
 * @param zero whether the run reads as zeros without a look at any data; since a snapshot, of dirty runs only
 */
@Schema(description = "A run of the disk that changed or did not")
record DirtyExtent(long start, long length, boolean dirty, boolean zero) {}
