package io.cowslip.engine.host;

import java.lang.foreign.MemorySegment;

/**
 * pread and pwrite as the kernel has them: each may move fewer bytes than it is asked for, or be interrupted before the
 * first. The seam where tests put a kernel that does so all the time. Any thread.
 */
interface TransferCalls {

    /** Bytes read into the beginning of {@code into}, 0 at the end of the file, or the negated errno. */
    long read(int descriptor, MemorySegment into, long hostOffset);

    /** Bytes written of the first {@code lengthBytes} of {@code from}, or the negated errno. */
    long write(int descriptor, MemorySegment from, long lengthBytes, long hostOffset);

    /** The kernel's own. */
    TransferCalls KERNEL = new TransferCalls() {
        @Override
        public long read(int descriptor, MemorySegment into, long hostOffset) {
            return Posix.pread(descriptor, into, into.byteSize(), hostOffset);
        }

        @Override
        public long write(int descriptor, MemorySegment from, long lengthBytes, long hostOffset) {
            return Posix.pwrite(descriptor, from, lengthBytes, hostOffset);
        }
    };
}
