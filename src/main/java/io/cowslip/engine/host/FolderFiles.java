package io.cowslip.engine.host;

import java.io.IOException;
import java.nio.file.Path;

/** The files below one folder, each opened from the folder's descriptor on. */
final class FolderFiles implements HostFiles {
    private final HostFolder folder;

    FolderFiles(HostFolder folder) {
        this.folder = folder;
    }

    @Override
    public HostFile open(Path path, Mode mode, PageCache pageCache) throws IOException {
        return switch (pageCache) {
            case USED -> PosixFile.open(folder::openFile, path, mode, 0);
            case BYPASSED -> DirectFile.open(folder::openFile, path, mode);
        };
    }

    @Override
    public void syncFolder(Path synced) throws IOException {
        folder.sync(synced);
    }

    @Override
    public void delete(Path file) throws IOException {
        folder.remove(file);
    }
}
