package io.cowslip.engine.host;

import io.cowslip.engine.ImageException;
import java.nio.file.Path;
import org.jspecify.annotations.Nullable;

/**
 * The locks of one descriptor. Takes first and tests second, as QEMU does, so that of two who race both may fail but
 * never both succeed. Open-file-description locks: they go with this descriptor only, and another opening of the same
 * file by this very process is a stranger to them, as it should be.
 */
final class HeldLocks {
    private final LockCalls calls;
    private final Path path;
    private @Nullable ImageLock held;

    /** {@link Posix#lockByte} of the descriptor. */
    @FunctionalInterface
    interface LockCalls {
        int lockByte(int command, short type, long byteOffset);
    }

    HeldLocks(LockCalls calls, Path path) {
        this.calls = calls;
        this.path = path;
    }

    /** Goes from what is held to {@code wanted}; on refusal what was held still is. */
    synchronized void change(ImageLock wanted) throws ImageException {
        if (held == null && hostHasNone(wanted.heldBytes()[0])) {
            return;
        }
        boolean changed = false;
        try {
            take(wanted);
            test(wanted);
            held = wanted;
            changed = true;
        } finally {
            dropAllBut(changed ? wanted : held);
        }
    }

    private void take(ImageLock wanted) throws ImageException {
        for (int lockByte : wanted.heldBytes()) {
            int result = calls.lockByte(Posix.F_OFD_SETLK, Posix.F_RDLCK, lockByte);
            if (result == -Posix.EAGAIN || result == -Posix.EACCES) {
                throw refused(lockByte);
            }
            requireDone(result);
        }
    }

    private void test(ImageLock wanted) throws ImageException {
        for (int lockByte : wanted.conflictingBytes()) {
            int result = calls.lockByte(Posix.F_OFD_GETLK, Posix.F_WRLCK, lockByte);
            requireDone(result);
            if (result != Posix.F_UNLCK) {
                throw refused(lockByte);
            }
        }
    }

    synchronized void drop() {
        held = null;
        dropAllBut(null);
    }

    private void dropAllBut(@Nullable ImageLock kept) {
        for (int lockByte : ImageLock.WRITER.heldBytes()) {
            if (kept == null || !kept.holds(lockByte)) {
                calls.lockByte(Posix.F_OFD_SETLK, Posix.F_UNLCK, lockByte);
            }
        }
    }

    /**
     * Some network file systems have no such locks; QEMU's {@code locking=auto} goes on without them, and so do we. Asked
     * of the first lock alone: a host that gives one and then no more is in trouble, and half a set protects nobody.
     */
    private boolean hostHasNone(int lockByte) {
        int result = calls.lockByte(Posix.F_OFD_SETLK, Posix.F_RDLCK, lockByte);
        return result == -Posix.EINVAL || result == -Posix.ENOLCK || result == -Posix.EOPNOTSUPP;
    }

    private void requireDone(int result) throws ImageException {
        if (result < 0) {
            throw ImageException.of(
                    ImageException.Kind.IO, path, "the host cannot lock the image (errno " + -result + ")");
        }
    }

    private ImageException refused(int lockByte) {
        String holder = switch (lockByte) {
            case 101 -> "it is open for writing";
            case 103 -> "it is being resized";
            case 200 -> "it is open for exclusive use";
            default -> "it is open, and whoever has it bears no writer beside it";
        };
        return ImageException.of(
                ImageException.Kind.BUSY,
                path,
                "somebody else has the image: " + holder + " (QEMU's lock on byte " + lockByte
                        + "). Close it there, or open it here with read-only where readers only are in the way");
    }
}
