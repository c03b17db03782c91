package io.cowslip.engine.image.layer;

import io.cowslip.engine.cache.CacheOptions;
import io.cowslip.engine.image.options.Preallocation;
import io.cowslip.engine.work.WorkThreads;
import java.io.IOException;

/**
 * How the disk of one writable layer gets another size. What requests may be under way meanwhile each method says;
 * {@code ImageResize} sees to it.
 */
public sealed interface DiskResizing permits Qcow2Resizing, RawResizing {

    /** Refuses another size where the image cannot have it. */
    void requirePossible(long newBytes, Preallocation preallocation) throws IOException;

    /** Gets caches ready for a disk of another size, with what the caches have of the disk as far as it stays. */
    CacheChange prepareCaches(CacheOptions options, long newBytes) throws IOException;

    /**
     * Gets everything behind the disk's end ready up to a greater one, with {@code caches} in force; beside requests.
     *
     * @param work told of the bytes that have their places
     */
    void beginGrowth(long oldBytes, long newBytes, Preallocation preallocation, CacheChange caches, WorkThreads work)
            throws IOException;

    /** Makes the greater size true, durably. The disk does not change meanwhile. */
    void endGrowth(long oldBytes, long newBytes) throws IOException;

    /** Takes a {@link #beginGrowth} back that has failed, or that {@link #endGrowth} did not follow; beside requests. */
    void abandonGrowth(long oldBytes, long newBytes, CacheChange caches) throws IOException;

    /** Makes a smaller size true, durably. No request is in flight. */
    Clipping shrink(long newBytes, CacheChange caches) throws IOException;

    /** What a disk has lost that has become smaller. */
    interface Clipping {
        /** Lets go of it, beside requests. */
        void release() throws IOException;

        /** Gives space at the file's end back, once the requests are over that began before the release ended. */
        void trim() throws IOException;
    }
}
