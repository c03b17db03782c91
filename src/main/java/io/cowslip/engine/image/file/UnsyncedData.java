package io.cowslip.engine.image.file;

import io.cowslip.engine.ImageException;
import io.cowslip.engine.host.HostFile;
import java.io.IOException;
import org.jspecify.annotations.Nullable;

/**
 * Whether a file has bytes that no sync covers, and whether it may be trusted with more. After a sync that failed the
 * kernel takes the lost pages for written, and the next sync would succeed: so a failure stays. Any thread.
 */
public final class UnsyncedData {
    private final HostFile file;

    /** True from the start: who had the file before may have been killed with writes that no sync covers. */
    private volatile boolean unsynced = true;

    private volatile @Nullable ImageException failure;

    /** @param file the file; nothing of it is unsynced yet */
    public UnsyncedData(HostFile file) {
        this.file = file;
    }

    /** Notes a write. The check keeps the flag's cache line shared while it is set. */
    public void written() {
        if (!unsynced) {
            unsynced = true;
        }
    }

    /** Takes no more writes, because of {@code cause}; false where there is a cause already. */
    public synchronized boolean fail(ImageException cause) {
        boolean first = failure == null;
        if (first) {
            failure = cause;
        }
        return first;
    }

    /** Whether nothing failed before that leaves the file's state unknown. */
    public boolean isSound() {
        return failure == null;
    }

    /** Refuses when something failed before that leaves the file's state unknown. */
    public void requireSound() throws ImageException {
        ImageException earlier = failure;
        if (earlier != null) {
            throw ImageException.of(
                    earlier.kind(),
                    file.path(),
                    "the image takes no writes since an earlier failure (" + earlier.getMessage()
                            + "); close it, check it and open it again");
        }
    }

    /**
     * Before the file is closed: where something failed, who opens it next is to find what the disk has, and not what the
     * host remembers.
     */
    public void beforeClose() {
        if (failure != null) {
            file.forgetPages();
        }
    }

    /** Makes durable what may still be said of the file after it failed: that it did. */
    public synchronized void syncAfterFailure() throws IOException {
        file.sync();
    }

    /** Returns once everything noted before is on stable storage; at once when nothing is. */
    public synchronized void sync() throws IOException {
        requireSound();
        if (unsynced) {
            unsynced = false;
            try {
                file.sync();
            } catch (ImageException refused) {
                fail(refused);
                throw refused;
            }
        }
    }
}
