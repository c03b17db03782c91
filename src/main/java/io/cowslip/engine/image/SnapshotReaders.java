package io.cowslip.engine.image;

import io.cowslip.engine.ImageException;
import io.cowslip.engine.ImageException.Kind;
import io.cowslip.engine.host.HostFile;
import java.util.HashMap;
import java.util.Map;

/** Counts who reads the snapshots of an open image beside it: what is read is not deleted. Any thread. */
final class SnapshotReaders {
    private final Map<String, Integer> readers = new HashMap<>();

    /** One more reads the snapshot of this id. */
    synchronized void begin(String id) {
        readers.merge(id, 1, Integer::sum);
    }

    synchronized void end(String id) {
        readers.computeIfPresent(id, (same, count) -> count == 1 ? null : count - 1);
    }

    /**
     * Refuses a snapshot that somebody reads.
     *
     * @throws ImageException BUSY
     */
    synchronized void requireNone(String id, HostFile file) throws ImageException {
        int count = readers.getOrDefault(id, 0);
        if (count > 0) {
            throw ImageException.of(
                    Kind.BUSY,
                    file.path(),
                    "snapshot \"" + id + "\" is being read by " + count
                            + (count == 1 ? " drive or job" : " drives or jobs")
                            + "; it can be deleted when that has ended");
        }
    }
}
