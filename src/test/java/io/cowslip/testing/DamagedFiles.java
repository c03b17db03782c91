package io.cowslip.testing;

import io.cowslip.engine.host.ForwardingHostFile;
import io.cowslip.engine.host.HostFile;
import io.cowslip.engine.host.HostFiles;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/** Files of this machine as they were when first opened here, with other bytes in places and cut off: by memory alone. */
public final class DamagedFiles implements HostFiles {
    private final Map<Path, byte[]> contents = new HashMap<>();
    private final Map<Path, Long> sizes = new HashMap<>();
    private final Map<Path, List<Patch>> patches = new HashMap<>();

    private record Patch(long offset, byte[] bytes) {}

    /** Puts these bytes in the place of what the file has. */
    public void patch(Path path, long offset, byte[] bytes) {
        patches.computeIfAbsent(path, key -> new ArrayList<>()).add(new Patch(offset, bytes));
    }

    /** Ends the file here. */
    public void cut(Path path, long sizeBytes) {
        sizes.put(path, sizeBytes);
    }

    /** Undoes all damage. */
    public void mend() {
        patches.clear();
        sizes.clear();
    }

    /** What the file holds as it is now. */
    public byte[] read(Path path, long offset, int length) throws IOException {
        MemorySegment into = MemorySegment.ofArray(new byte[length]);
        read(path, offset, into);
        return into.toArray(ValueLayout.JAVA_BYTE);
    }

    private byte[] content(Path path) throws IOException {
        byte[] known = contents.get(path);
        if (known == null) {
            known = Files.readAllBytes(path);
            contents.put(path, known);
        }
        return known;
    }

    private long read(Path path, long offset, MemorySegment into) throws IOException {
        byte[] content = content(path);
        long count = Math.clamp(size(path) - offset, 0, into.byteSize());
        MemorySegment.copy(MemorySegment.ofArray(content), count == 0 ? 0 : offset, into, 0, count);
        for (Patch patch : patches.getOrDefault(path, List.of())) {
            long from = Math.max(offset, patch.offset);
            long to = Math.min(offset + count, patch.offset + patch.bytes.length);
            if (to > from) {
                MemorySegment.copy(
                        MemorySegment.ofArray(patch.bytes), from - patch.offset, into, from - offset, to - from);
            }
        }
        return count;
    }

    /** Bytes of the file, cut off or not. */
    public long size(Path path) throws IOException {
        return Math.min(sizes.getOrDefault(path, Long.MAX_VALUE), content(path).length);
    }

    @Override
    public HostFile open(Path path, Mode mode, PageCache pageCache) throws IOException {
        return new ForwardingHostFile(HostFiles.posix().open(path, mode, pageCache)) {
            @Override
            public long read(long hostOffset, MemorySegment into) throws IOException {
                return DamagedFiles.this.read(path, hostOffset, into);
            }

            @Override
            public long sizeBytes() throws IOException {
                return size(path);
            }

            @Override
            public long nextData(long hostOffset) {
                return hostOffset;
            }

            @Override
            public long nextHole(long hostOffset) throws IOException {
                return Math.max(hostOffset, size(path));
            }
        };
    }

    @Override
    public void syncFolder(Path folder) throws IOException {
        HostFiles.posix().syncFolder(folder);
    }
}
