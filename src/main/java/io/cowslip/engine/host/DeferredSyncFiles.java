package io.cowslip.engine.host;

import java.io.IOException;
import java.nio.file.Path;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;

/**
 * Files that nobody relies on before they are whole: their syncs return at once, so that the host writes them back when
 * it likes, and {@link #sync} does all of it in the end. A power cut before that may leave anything.
 */
public final class DeferredSyncFiles implements HostFiles {
    private final HostFiles files;
    private final Set<Path> unsyncedFiles = ConcurrentHashMap.newKeySet();
    private final Set<Path> unsyncedFolders = ConcurrentHashMap.newKeySet();

    public DeferredSyncFiles(HostFiles files) {
        this.files = files;
    }

    @Override
    public HostFile open(Path path, Mode mode, PageCache pageCache) throws IOException {
        HostFile file = files.open(path, mode, pageCache);
        return mode == Mode.READ ? file : new DeferredSyncFile(file);
    }

    @Override
    public void syncFolder(Path folder) {
        unsyncedFolders.add(folder);
    }

    @Override
    public void delete(Path file) throws IOException {
        unsyncedFiles.remove(file);
        files.delete(file);
    }

    /**
     * Returns after all that was written to these files, which are closed by now, is on stable storage; a failure that
     * the host had meanwhile is told here.
     */
    public void sync() throws IOException {
        for (Path path : unsyncedFiles) {
            try (HostFile file = files.open(path, Mode.READ_WRITE)) {
                file.sync();
            }
            unsyncedFiles.remove(path);
        }
        for (Path folder : unsyncedFolders) {
            files.syncFolder(folder);
            unsyncedFolders.remove(folder);
        }
    }

    private final class DeferredSyncFile extends ForwardingHostFile {
        DeferredSyncFile(HostFile file) {
            super(file);
        }

        @Override
        public void sync() {
            unsyncedFiles.add(path());
        }
    }
}
