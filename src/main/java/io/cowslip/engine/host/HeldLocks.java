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
    private final int descriptor;
    private final Path path;
    private @Nullable ImageLock held;

    HeldLocks(int descriptor, Path path) {
        this.descriptor = descriptor;
        this.path = path;
    }

    /** Goes from what is held to {@code wanted}; on refusal what was held still is. */
    synchronized void change(ImageLock wanted) throws ImageException {
        for (int lockByte : wanted.heldBytes()) {
            int result = Posix.lockByte(descriptor, Posix.F_OFD_SETLK, Posix.F_RDLCK, lockByte);
            if (unsupported(result)) {
                return;
            }
            if (result < 0) {
                dropAllBut(held);
                throw refused(lockByte);
            }
        }
        for (int lockByte : wanted.conflictingBytes()) {
            if (Posix.lockByte(descriptor, Posix.F_OFD_GETLK, Posix.F_WRLCK, lockByte) != Posix.F_UNLCK) {
                dropAllBut(held);
                throw refused(lockByte);
            }
        }
        held = wanted;
        dropAllBut(wanted);
    }

    synchronized void drop() {
        held = null;
        dropAllBut(null);
    }

    private void dropAllBut(@Nullable ImageLock kept) {
        for (int lockByte : ImageLock.WRITER.heldBytes()) {
            if (kept == null || !kept.holds(lockByte)) {
                Posix.lockByte(descriptor, Posix.F_OFD_SETLK, Posix.F_UNLCK, lockByte);
            }
        }
    }

    /** Some network file systems have no such locks; QEMU's {@code locking=auto} goes on without them, and so do we. */
    private static boolean unsupported(int result) {
        return result == -Posix.EINVAL || result == -Posix.ENOLCK || result == -Posix.EOPNOTSUPP;
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
