package io.cowslip.engine.image.layer;

import io.cowslip.engine.host.HostFile;
import io.cowslip.engine.host.ImageLock;
import io.cowslip.engine.image.map.DataStore;
import java.io.IOException;

/** The files of one qcow2 image: its own, and the one that has its data where that is another. Locked and closed together. */
record Qcow2Files(HostFile file, DataStore data) {

    /** Goes over from a reader's to a writer's locks or back; refused, both files keep what they had. */
    void lock(ImageLock lock) throws IOException {
        file.lock(lock);
        if (data.isExternal()) {
            boolean locked = false;
            try {
                data.file().lock(lock);
                locked = true;
            } finally {
                if (!locked) {
                    file.lock(lock == ImageLock.WRITER ? ImageLock.READER : ImageLock.WRITER);
                }
            }
        }
    }

    /** Gives the locks on both files up. */
    void unlock() throws IOException {
        file.unlock();
        if (data.isExternal()) {
            data.file().unlock();
        }
    }

    /** Closes both, whatever becomes of one. */
    void close() throws IOException {
        try {
            if (data.isExternal()) {
                data.file().close();
            }
        } finally {
            file.close();
        }
    }
}
