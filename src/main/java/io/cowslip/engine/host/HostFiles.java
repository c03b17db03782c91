package io.cowslip.engine.host;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;

/** Opens files of the host. The seam where tests put recording and failing files. */
public interface HostFiles {

    /** How a file is opened. */
    enum Mode {
        READ,
        READ_WRITE,
        /** Read and write; the file must not be there yet. */
        CREATE_NEW
    }

    /** What the host's page cache has to do with reads and writes. */
    enum PageCache {
        USED,
        /** Reads and writes go between memory and the device (O_DIRECT). Not for {@link Mode#CREATE_NEW}. */
        BYPASSED
    }

    /**
     * Opens a regular file.
     *
     * @throws io.cowslip.engine.ImageException NOT_FOUND, ALREADY_EXISTS, FORBIDDEN (no permission), INVALID_FORMAT (not
     *     a regular file), INVALID_OPTION (naming {@code cache.direct}: the file's file system has no direct I/O) or IO
     */
    HostFile open(Path path, Mode mode, PageCache pageCache) throws IOException;

    /** The same through the page cache. */
    default HostFile open(Path path, Mode mode) throws IOException {
        return open(path, mode, PageCache.USED);
    }

    /** Returns after the folder's entries, such as a file just created in it, are on stable storage. */
    void syncFolder(Path folder) throws IOException;

    /** Takes a file away, if it is there. */
    default void delete(Path file) throws IOException {
        Files.deleteIfExists(file);
    }

    /** The real files of this machine, by whatever their paths lead to; {@link HostFolder#files} are safe from that. */
    static HostFiles posix() {
        return new PosixFiles();
    }
}
