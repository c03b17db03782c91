package io.cowslip.engine.format;

import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;

/**
 * How the format lays out integers: big-endian throughout (qcow2 specification, "General"). Unaligned, since segments
 * may be views of heap arrays.
 */
public final class BigEndian {
    public static final ValueLayout.OfShort SHORT = ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.BIG_ENDIAN);
    public static final ValueLayout.OfInt INT = ValueLayout.JAVA_INT_UNALIGNED.withOrder(ByteOrder.BIG_ENDIAN);
    public static final ValueLayout.OfLong LONG = ValueLayout.JAVA_LONG_UNALIGNED.withOrder(ByteOrder.BIG_ENDIAN);

    private BigEndian() {}
}
