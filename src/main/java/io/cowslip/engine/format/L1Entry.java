package io.cowslip.engine.format;

/** Entries of the L1 table (qcow2 specification, "L1 table entry"): where an L2 table lies. 0 is no table. */
public final class L1Entry {
    /** The refcount of the L2 table is exactly 1, so it may be changed in place. True in the active L1 table only. */
    public static final long COPIED = 1L << 63;

    /** Bits 9 to 55. */
    public static final long OFFSET_MASK = 0x00FF_FFFF_FFFF_FE00L;

    private L1Entry() {}

    /** Host offset of the L2 table; 0 when there is none. */
    public static long tableOffset(long entry) {
        return entry & OFFSET_MASK;
    }

    public static boolean isCopied(long entry) {
        return (entry & COPIED) != 0;
    }

    /** Whether all bits that must be 0 are. */
    public static boolean reservedBitsAreClear(long entry) {
        return (entry & ~(COPIED | OFFSET_MASK)) == 0;
    }

    /** The entry for an L2 table that nothing else refers to. */
    public static long ofCopiedTable(long tableOffset) {
        return tableOffset | COPIED;
    }
}
