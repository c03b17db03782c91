package io.cowslip.web;

import io.cowslip.engine.image.DiskImage;
import io.swagger.v3.oas.annotations.media.Schema;
import java.io.IOException;
import org.jspecify.annotations.Nullable;

/**
 * What a PATCH with JSON does to a disk.
 *
 * @param op which operation
 * @param offset where it starts; default 0
 * @param size how many bytes it covers
 * @param flush whether the answer waits for stable storage; default no
 */
@Schema(description = "An operation on a range of the disk that needs no data")
record DataOperation(
        @Nullable @Schema(description = "zero, discard or flush", example = "zero")
        String op,

        @Nullable ByteSize offset,
        @Nullable ByteSize size,
        @Nullable Boolean flush) {

    /** Does it. A range that passes the end of the disk is refused by the image before anything happens. */
    void apply(DiskImage image) throws IOException {
        switch (op) {
            case "zero" -> {
                ByteWindow range = range(image.virtualSizeBytes());
                image.zero(range.start(), range.length());
            }
            case "discard" -> {
                ByteWindow range = range(image.virtualSizeBytes());
                image.discard(range.start(), range.length());
            }
            case "flush" -> {
                refuseRange();
                image.flush();
                return;
            }
            case null -> throw Refusal.ofOption("op", "op is missing; it may be \"zero\", \"discard\" or \"flush\"");
            default ->
                throw Refusal.ofOption("op", "op is \"" + op + "\"; it may be \"zero\", \"discard\" or \"flush\"");
        }
        if (Boolean.TRUE.equals(flush)) {
            image.flush();
        }
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

    private void refuseRange() {
        if (offset != null || size != null) {
            throw Refusal.ofOption(
                    offset != null ? "offset" : "size", "flush covers the whole disk and takes no range");
        }
    }
}
