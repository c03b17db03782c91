package io.cowslip.engine.image.layer;

import java.io.IOException;

/**
 * New cache sizes for one layer, allocated and checked, so that nothing but input and output can still go wrong: put in
 * force, then finished once the requests of before are over; or finished alone, to drop it.
 */
public interface CacheChange {
    /** Nothing to change. */
    CacheChange NONE = new CacheChange() {
        @Override
        public void putInForce() {}

        @Override
        public void finish() {}
    };

    void putInForce() throws IOException;

    /** Ends the caches that are no longer used: the old ones, or the new ones when they never were put in force. */
    void finish();
}
