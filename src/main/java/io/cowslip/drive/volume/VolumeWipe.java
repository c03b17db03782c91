package io.cowslip.drive.volume;

import io.cowslip.engine.host.HostFile;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/** Writes zeros over all that a file holds, durably. Holes stay holes. */
final class VolumeWipe {
    private static final long PIECE_BYTES = 1 << 20;

    private VolumeWipe() {}

    static void wipe(HostFile file) throws IOException {
        long size = file.sizeBytes();
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment zeros = arena.allocate(PIECE_BYTES, 4096);
            for (long start = file.nextData(0); start < size; start = file.nextData(start)) {
                long end = Math.min(file.nextHole(start), size);
                while (start < end) {
                    long step = Math.min(PIECE_BYTES, end - start);
                    file.write(start, zeros.asSlice(0, step));
                    start += step;
                }
            }
        }
        file.sync();
    }
}
