package io.cowslip.engine.foreign.format;

/** An entry of a VHDX block allocation table, for a payload block ([MS-VHDX], "Payload BAT Entry States"). */
public final class VhdxBlockEntry {
    private static final int STATE_MASK = 7;
    private static final long OFFSET_MASK = -1L << 20;

    /** What is known of a block. */
    public enum State {
        /** Nothing was ever written: reads as zeros here. */
        NOT_PRESENT,
        ZERO,
        PRESENT,
        /** None that an image without a parent may have. */
        INVALID
    }

    private VhdxBlockEntry() {}

    /** Of blocks that were unmapped or whose content is undefined a reader may get anything; here, as in QEMU, zeros. */
    public static State state(long entry) {
        return switch ((int) entry & STATE_MASK) {
            case 0, 1 -> State.NOT_PRESENT;
            case 2, 3, 5 -> State.ZERO;
            case 6 -> State.PRESENT;
            default -> State.INVALID;
        };
    }

    /** Where a block that is present is. */
    public static long hostOffset(long entry) {
        return entry & OFFSET_MASK;
    }
}
