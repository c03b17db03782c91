package io.cowslip.testing;

import io.cowslip.engine.host.HostFile;
import io.cowslip.engine.host.HostFiles;
import java.io.IOException;
import java.nio.file.Path;

/**
 * The real files of this machine, of which nothing is made durable: for tests that make thousands of images and would wait
 * for the device most of the time.
 */
public final class UnsyncedHostFiles implements HostFiles {
    @Override
    public HostFile open(Path path, Mode mode, PageCache pageCache) throws IOException {
        return new ObservedHostFile(HostFiles.posix().open(path, mode, pageCache), (operation, lengthBytes) -> {}) {
            @Override
            public void sync() {}
        };
    }

    @Override
    public void syncFolder(Path folder) {}
}
