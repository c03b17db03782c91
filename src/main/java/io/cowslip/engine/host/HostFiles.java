package io.cowslip.engine.host;

import java.io.IOException;
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

    /**
     * Opens a regular file.
     *
     * @throws io.cowslip.engine.ImageException NOT_FOUND, ALREADY_EXISTS, FORBIDDEN (no permission), INVALID_FORMAT (not
     *     a regular file) or IO
     */
    HostFile open(Path path, Mode mode) throws IOException;

    /** Returns after the folder's entries, such as a file just created in it, are on stable storage. */
    void syncFolder(Path folder) throws IOException;

    /** The real files of this machine. */
    static HostFiles posix() {
        return new PosixFiles();
    }
}
