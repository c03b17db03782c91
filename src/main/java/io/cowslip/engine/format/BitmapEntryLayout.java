package io.cowslip.engine.format;

/** Where the fixed fields of a bitmap directory entry lie, in bytes from its start (qcow2 specification, "Bitmap directory"). */
public final class BitmapEntryLayout {
    public static final int TABLE_OFFSET = 0;
    public static final int TABLE_ENTRIES = 8;
    public static final int FLAGS = 12;
    public static final int TYPE = 16;
    public static final int GRANULARITY_BITS = 17;
    public static final int NAME_BYTES = 18;
    public static final int EXTRA_BYTES = 20;

    /** Length of the fixed fields; extra data and the name follow. */
    public static final int FIXED_BYTES = 24;

    private BitmapEntryLayout() {}
}
