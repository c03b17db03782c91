package io.cowslip.engine.host;

import io.cowslip.engine.ImageException;
import io.cowslip.engine.ImageException.Kind;
import java.io.IOException;
import java.nio.file.Path;

/** The real files of this machine, by whatever their paths lead to. */
final class PosixFiles implements HostFiles {
    @Override
    public HostFile open(Path path, Mode mode, PageCache pageCache) throws IOException {
        return switch (pageCache) {
            case USED -> PosixFile.open(PosixFiles::descriptor, path, mode, 0);
            case BYPASSED -> DirectFile.open(PosixFiles::descriptor, path, mode);
        };
    }

    static int descriptor(Path path, int flags, int mode) {
        return Posix.open(path.toString(), flags, mode);
    }

    @Override
    public void syncFolder(Path folder) throws IOException {
        int descriptor = Posix.open(folder.toString(), Posix.O_RDONLY, 0);
        if (descriptor < 0) {
            throw ImageException.of(Kind.IO, folder, "the folder does not open (errno " + -descriptor + ")");
        }
        // Not fdatasync: a new entry that leaves the folder's size as it was need not count as its data.
        int result = Posix.fsync(descriptor);
        Posix.close(descriptor);
        requireFolderSynced(folder, result);
    }

    static void requireFolderSynced(Path folder, int result) throws ImageException {
        // Some file systems cannot sync a folder, and say so with EINVAL; they have nothing to lose then.
        if (result < 0 && result != -Posix.EINVAL) {
            throw ImageException.of(Kind.IO, folder, "the folder does not sync (errno " + -result + ")");
        }
    }
}
