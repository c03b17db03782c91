package io.cowslip.engine.host;

import java.io.IOException;
import java.nio.channels.WritableByteChannel;
import org.jspecify.annotations.Nullable;

/** Zeros for sockets, without a copy: a file in memory that is one hole, so it takes no memory either. Any thread. */
public final class ZeroPages {
    private static final long SIZE_BYTES = 1L << 30;

    private static final @Nullable PageChannel PAGES = open();

    private ZeroPages() {}

    private static @Nullable PageChannel open() {
        int descriptor = Posix.memfdCreate("cowslip-zeros");
        if (descriptor < 0) {
            return null;
        }
        if (Posix.ftruncate(descriptor, SIZE_BYTES) < 0) {
            Posix.close(descriptor);
            return null;
        }
        return new PageChannel(descriptor);
    }

    /** Whether this host has them. */
    public static boolean areThere() {
        return PAGES != null;
    }

    /** Hands zeros to {@code target}: at most {@code lengthBytes}, 0 where it takes none at the moment. */
    public static long transferTo(long lengthBytes, WritableByteChannel target) throws IOException {
        if (PAGES == null) {
            throw new IllegalStateException("this host has no files in memory");
        }
        return PAGES.transferTo(0, Math.min(lengthBytes, SIZE_BYTES), target);
    }
}
