package io.cowslip.engine.format;

import java.util.Locale;

/** Kinds of metadata in a qcow2 file, by the names that QEMU's {@code overlap-check} has for them. */
public enum MetadataKind {
    MAIN_HEADER("the header"),
    ACTIVE_L1("the L1 table"),
    ACTIVE_L2("an L2 table"),
    REFCOUNT_TABLE("the refcount table"),
    REFCOUNT_BLOCK("a refcount block"),
    SNAPSHOT_TABLE("the snapshot table"),
    INACTIVE_L1("a snapshot's L1 table"),
    INACTIVE_L2("a snapshot's L2 table"),
    BITMAP_DIRECTORY("the bitmap directory");

    private final String inWords;

    MetadataKind(String inWords) {
        this.inWords = inWords;
    }

    /** The last part of the option, as QEMU spells it: {@code main-header}. */
    public String wireName() {
        return name().toLowerCase(Locale.ROOT).replace('_', '-');
    }

    /** What messages call it. */
    public String inWords() {
        return inWords;
    }
}
