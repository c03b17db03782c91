package io.cowslip.web.data;

/** What a PATCH with JSON does to a disk. Its range lies on the disk. */
sealed interface DataOperation {

    /** Whether the answer waits for stable storage. */
    boolean thenFlush();

    /** The range reads as zeros afterwards. */
    record Zero(ByteWindow range, boolean thenFlush) implements DataOperation {}

    /** The range's whole clusters go back to the file. */
    record Discard(ByteWindow range, boolean thenFlush) implements DataOperation {}

    /** All that was written before is on stable storage. */
    record Flush() implements DataOperation {
        @Override
        public boolean thenFlush() {
            return false;
        }
    }
}
