package io.cowslip.web.data;

import io.cowslip.web.json.ByteSize;
import io.cowslip.web.problem.Refusal;
import io.swagger.v3.oas.annotations.media.Schema;
import org.jspecify.annotations.Nullable;

/**
 * An operation as JSON has it.
 *
 * @param op which one
 * @param offset where it starts; default 0
 * @param size how many bytes it covers
 * @param flush whether the answer waits for stable storage; default no
 */
@Schema(name = "DataOperation", description = "An operation on a range of the disk that needs no data")
record DataOperationRequest(
        @Schema(
                requiredMode = Schema.RequiredMode.REQUIRED,
                allowableValues = {"zero", "discard", "flush"})
        @Nullable
        String op,

        @Nullable ByteSize offset,
        @Nullable ByteSize size,
        @Nullable Boolean flush) {

    private static final String OPERATIONS = "it may be \"zero\", \"discard\" or \"flush\"";

    /** The operation on a disk of {@code diskBytes}. */
    DataOperation on(long diskBytes) {
        boolean thenFlush = Boolean.TRUE.equals(flush);
        return switch (op) {
            case "zero" -> new DataOperation.Zero(range(diskBytes), thenFlush);
            case "discard" -> new DataOperation.Discard(range(diskBytes), thenFlush);
            case "flush" -> wholeFlush();
            case null -> throw Refusal.ofOption("op", "op is missing; " + OPERATIONS);
            default -> throw Refusal.ofOption("op", "op is \"" + op + "\"; " + OPERATIONS);
        };
    }

    private ByteWindow range(long diskBytes) {
        if (size == null) {
            throw Refusal.ofOption("size", "size is missing; " + op + " takes the number of bytes it covers");
        }
        long start = offset == null ? 0 : offset.bytes();
        if (start > diskBytes || size.bytes() > diskBytes - start) {
            throw Refusal.offDisk(
                    diskBytes,
                    "offset " + start + " and size " + size.bytes() + " pass the end of the disk of " + diskBytes
                            + " bytes");
        }
        return new ByteWindow(start, size.bytes());
    }

    private DataOperation wholeFlush() {
        if (offset != null || size != null) {
            throw Refusal.ofOption(
                    offset != null ? "offset" : "size", "flush is for the whole disk; it takes no range");
        }
        return new DataOperation.Flush();
    }
}
