package io.cowslip.testing;

import io.cowslip.engine.host.ForwardingHostFile;
import io.cowslip.engine.host.HostFile;
import io.cowslip.engine.host.HostFiles;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;

/**
 * The real files of this machine, whose names are watched: a power cut may keep any part of what no sync covers, so what
 * a name is given to must be durable before, and the name is only when its folder is synced after. Any thread.
 */
public final class WatchedNames implements HostFiles {
    private final HostFiles files = HostFiles.posix();
    private final Path watched;
    private final Set<Long> unsynced = new HashSet<>();
    private final List<String> faults = new ArrayList<>();
    private boolean seen;
    private boolean durable;

    /** @param watched a file that is not there yet */
    public WatchedNames(Path watched) {
        this.watched = watched;
    }

    /** What was wrong, if anything, now that somebody was told that the file is there. */
    public synchronized List<String> faults() throws IOException {
        look();
        List<String> all = new ArrayList<>(faults);
        if (!seen) {
            all.add("there is no such file");
        } else if (!durable) {
            all.add("its folder was not synced after it got its name");
        }
        return all;
    }

    private void look() throws IOException {
        if (seen || !Files.exists(watched)) {
            return;
        }
        seen = true;
        if (unsynced.contains(inode())) {
            faults.add("it got its name before its content was durable");
        }
    }

    private long inode() throws IOException {
        return ((Number) Files.getAttribute(watched, "unix:ino")).longValue();
    }

    private synchronized void changed(HostFile file) throws IOException {
        look();
        unsynced.add(file.identity().inode());
        if (seen && file.identity().inode() == inode()) {
            faults.add("it was changed after it got its name");
        }
    }

    private synchronized void synced(HostFile file) throws IOException {
        look();
        unsynced.remove(file.identity().inode());
    }

    @Override
    public HostFile open(Path path, Mode mode, PageCache pageCache) throws IOException {
        HostFile file = new WatchedFile(files.open(path, mode, pageCache));
        if (mode == Mode.CREATE_NEW) {
            changed(file);
        }
        return file;
    }

    @Override
    public void syncFolder(Path folder) throws IOException {
        files.syncFolder(folder);
        synchronized (this) {
            look();
            durable |= seen && folder.equals(watched.getParent());
        }
    }

    private final class WatchedFile extends ForwardingHostFile {
        WatchedFile(HostFile file) {
            super(file);
        }

        @Override
        public void write(long hostOffset, MemorySegment from) throws IOException {
            changed(this);
            super.write(hostOffset, from);
        }

        @Override
        public void zero(long hostOffset, long lengthBytes) throws IOException {
            changed(this);
            super.zero(hostOffset, lengthBytes);
        }

        @Override
        public void truncate(long sizeBytes) throws IOException {
            changed(this);
            super.truncate(sizeBytes);
        }

        @Override
        public void sync() throws IOException {
            super.sync();
            synced(this);
        }
    }
}
