package io.cowslip.engine.foreign;

import io.cowslip.engine.foreign.format.VhdxReplay;
import io.cowslip.engine.host.ForwardingHostFile;
import io.cowslip.engine.host.HostFile;
import java.io.IOException;
import java.lang.foreign.MemorySegment;

/** A VHDX image's file, read as it will be when somebody who writes it has replayed its log. */
final class ReplayedFile extends ForwardingHostFile {
    private final VhdxReplay replay;
    private final long sizeBytes;

    ReplayedFile(HostFile file, VhdxReplay replay) throws IOException {
        super(file);
        this.replay = replay;
        this.sizeBytes = Math.max(file.sizeBytes(), replay.fileSizeBytes());
    }

    @Override
    public long read(long hostOffset, MemorySegment into) throws IOException {
        long count = super.read(hostOffset, into);
        long lengthBytes = Math.clamp(sizeBytes - hostOffset, count, into.byteSize());
        into.asSlice(count, lengthBytes - count).fill((byte) 0);
        replay.apply(hostOffset, into.asSlice(0, lengthBytes));
        return lengthBytes;
    }

    @Override
    public long sizeBytes() {
        return sizeBytes;
    }

    /** The log may have data where the file has a hole. */
    @Override
    public long nextData(long hostOffset) {
        return hostOffset;
    }

    @Override
    public long nextHole(long hostOffset) {
        return sizeBytes;
    }
}
