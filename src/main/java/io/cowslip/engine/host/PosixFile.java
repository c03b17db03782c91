package io.cowslip.engine.host;

import java.io.IOException;
import java.nio.file.Path;

/** SKELETON. */
final class PosixFile {
    private PosixFile() {}

    static HostFile open(Path path, HostFiles.Mode mode) throws IOException {
        throw new UnsupportedOperationException();
    }
}
