package io.cowslip.testing;

import io.cowslip.engine.ImageException;
import io.cowslip.engine.host.ForwardingHostFile;
import io.cowslip.engine.host.HostFile;
import io.cowslip.engine.host.HostFiles;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.Set;
import java.util.concurrent.ConcurrentSkipListSet;

/** Files over others, all of which refuse to read the same sectors, as a disk with bad ones does. Any thread. */
public final class BadSectorFiles implements HostFiles {
    public static final int SECTOR_BYTES = 512;

    private final HostFiles files;
    private final ConcurrentSkipListSet<Long> bad = new ConcurrentSkipListSet<>();

    public BadSectorFiles(HostFiles files) {
        this.files = files;
    }

    /** The sector that has the byte at {@code hostOffset} cannot be read from now on. */
    public void spoil(long hostOffset) {
        bad.add(hostOffset / SECTOR_BYTES);
    }

    /** The numbers of the sectors that cannot be read. */
    public Set<Long> sectors() {
        return bad;
    }

    @Override
    public HostFile open(Path path, Mode mode, PageCache pageCache) throws IOException {
        return new BadSectorFile(files.open(path, mode, pageCache));
    }

    @Override
    public void syncFolder(Path folder) throws IOException {
        files.syncFolder(folder);
    }

    private final class BadSectorFile extends ForwardingHostFile {
        BadSectorFile(HostFile file) {
            super(file);
        }

        @Override
        public long read(long hostOffset, MemorySegment into) throws IOException {
            Long hit = bad.ceiling(hostOffset / SECTOR_BYTES);
            if (hit != null && hit * SECTOR_BYTES < hostOffset + into.byteSize()) {
                throw ImageException.of(ImageException.Kind.IO, path(), "sector " + hit + " is bad");
            }
            return super.read(hostOffset, into);
        }
    }
}
