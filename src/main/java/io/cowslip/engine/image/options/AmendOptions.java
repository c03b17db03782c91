package io.cowslip.engine.image.options;

import org.jspecify.annotations.Nullable;

/**
 * What is to change in an image that nobody has open. What is null stays as it is.
 *
 * @param version 2 or 3
 * @param refcountBits 1, 2, 4, 8, 16, 32 or 64; only 16 in version 2
 * @param lazyRefcounts whether refcounts may reach the file late; version 3 only
 * @param backingFile the name to store; empty: none from now on. Whether the disk reads the same over it is for the
 *     caller to know
 * @param backingFormat required with a {@code backingFile} that is not empty
 */
public record AmendOptions(
        @Nullable Integer version,
        @Nullable Integer refcountBits,
        @Nullable Boolean lazyRefcounts,
        @Nullable String backingFile,
        @Nullable ImageFormat backingFormat) {}
