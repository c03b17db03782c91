package io.cowslip.engine.alloc;

import java.io.IOException;

/** Makes room in the refcount cache by writing its dirty blocks; given by the keeper of the write order. */
@FunctionalInterface
public interface RefcountWriteBack {
    void writeBackRefcounts() throws IOException;
}
