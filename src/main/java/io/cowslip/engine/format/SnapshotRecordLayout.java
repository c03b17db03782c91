package io.cowslip.engine.format;

/** Where the fixed fields of a snapshot table record lie, in bytes from its start (qcow2 specification, "Snapshots"). */
public final class SnapshotRecordLayout {
    public static final int L1_TABLE_OFFSET = 0;
    public static final int L1_ENTRIES = 8;
    public static final int ID_BYTES = 12;
    public static final int NAME_BYTES = 14;
    public static final int DATE_SECONDS = 16;
    public static final int DATE_NANOS = 20;
    public static final int VM_CLOCK = 24;
    public static final int VM_STATE_BYTES = 32;
    public static final int EXTRA_BYTES = 36;

    /** Length of the fixed fields; extra data, the id and the name follow. */
    public static final int FIXED_BYTES = 40;

    /** The least extra data that version 3 asks for: the VM state's size and the disk's. */
    public static final int VERSION_3_EXTRA_BYTES = 16;

    /** The most extra data that QEMU reads. */
    public static final int MAX_EXTRA_BYTES = 1024;

    private SnapshotRecordLayout() {}
}
