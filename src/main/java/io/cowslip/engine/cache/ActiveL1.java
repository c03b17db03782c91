package io.cowslip.engine.cache;

import io.cowslip.engine.host.HostFile;
import java.io.IOException;

/**
 * The L1 table that an open image reads and changes its disk by. Another table takes its place when the disk outgrows it
 * and when the disk goes back to a snapshot. Entries are read by any thread; all else is under the image's metadata lock.
 */
public final class ActiveL1 {
    private volatile ResidentTable table;

    /** The table that the header names. */
    public ActiveL1(ResidentTable table) {
        this.table = table;
    }

    /** The table in force. */
    public ResidentTable table() {
        return table;
    }

    /**
     * Puts another table in force. Whoever looked at the old one may still go by it: requests that could tell the
     * difference are kept out meanwhile.
     */
    public void use(ResidentTable other) {
        table = other;
    }

    /** As {@link ResidentTable#entry}. */
    public long entry(int index) {
        return table.entry(index);
    }

    /** As {@link ResidentTable#set}. */
    public void set(int index, long entry) {
        table.set(index, entry);
    }

    /** As {@link ResidentTable#isDirty}. */
    public boolean isDirty() {
        return table.isDirty();
    }

    /** As {@link ResidentTable#writeBack}: for the write barrier alone. */
    public void writeBack(HostFile file) throws IOException {
        table.writeBack(file);
    }
}
