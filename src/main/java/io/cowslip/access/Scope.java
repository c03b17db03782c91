package io.cowslip.access;

import java.util.Locale;

/** What a caller may do. None implies another. */
public enum Scope {
    /** Look at volumes, drives and jobs, and read disks and files. */
    READ,
    /** Change what the disks of open drives hold: their bytes, snapshots and bitmaps. */
    WRITE,
    /** Open and close drives, make, change and delete volumes. */
    MANAGE,
    /** Read metrics and other figures of the whole service. */
    MONITOR;

    /** As tokens have it: {@code cowslip.read}. */
    public String wireName() {
        return "cowslip." + name().toLowerCase(Locale.ROOT);
    }
}
