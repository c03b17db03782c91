package io.cowslip.engine.foreign;

import io.cowslip.engine.host.HostFile;
import java.io.IOException;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * A disk in another hypervisor's format, open for reading. Any thread, at any time. The files belong to whoever opened
 * them, who closes them when nobody reads any more.
 */
public interface ForeignDisk {

    long virtualSizeBytes();

    /** Bytes that one entry of the disk's map stands for; 0 where there is none. */
    int blockBytes();

    /** The files that hold the disk's bytes besides the image itself, each once. */
    default List<HostFile> extentFiles() {
        return List.of();
    }

    /** What a VMDK image's descriptor says; null for other formats. */
    default @Nullable VmdkFacts vmdkFacts() {
        return null;
    }

    /**
     * Where the disk's bytes from {@code guestOffset} on are: a uniform run, at least a byte and at most
     * {@code maxLengthBytes} long. The next run may be like it.
     *
     * @param guestOffset on the disk
     * @param maxLengthBytes as much as is left of the disk at most
     * @throws io.cowslip.engine.ImageException INVALID_FORMAT where the map leads out of its file; IO
     */
    DiskRun runAt(long guestOffset, long maxLengthBytes) throws IOException;
}
