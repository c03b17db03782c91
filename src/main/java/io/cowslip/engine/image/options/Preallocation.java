package io.cowslip.engine.image.options;

import io.cowslip.engine.ImageException;
import io.cowslip.engine.host.HostFile;
import io.cowslip.engine.host.IoBuffers;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import java.util.Locale;
import java.util.stream.Collectors;

/** QEMU's {@code preallocation}: what of a new disk has its place in the file from the start. */
public enum Preallocation {
    /** Nothing: the file grows as the guest writes. */
    OFF,
    /** The L2 tables map the whole disk, but the host gives no space yet. Not for raw files, which have no tables. */
    METADATA,
    /** The same, and the host sets space aside without writing it, where its file system can. */
    FALLOC,
    /** The same with zeros written. */
    FULL;

    private static final int ZEROS_BYTES = 1 << 20;

    /**
     * The value that goes by QEMU's name.
     *
     * @throws ImageException INVALID_OPTION naming {@code option}
     */
    public static Preallocation parse(String option, String name) throws ImageException {
        for (Preallocation value : values()) {
            if (value.wireName().equals(name)) {
                return value;
            }
        }
        String names = Arrays.stream(values())
                .map(value -> "\"" + value.wireName() + "\"")
                .collect(Collectors.joining(", "));
        throw ImageException.invalidOption(option, option + " is \"" + name + "\"; it may be one of " + names);
    }

    /** QEMU's name. */
    public String wireName() {
        return name().toLowerCase(Locale.ROOT);
    }

    /** Sees to the space of a range at or past the file's end, which reads as zeros after that as before. */
    public void allocate(HostFile file, long hostOffset, long lengthBytes) throws IOException {
        switch (this) {
            case OFF, METADATA -> {
                // The file's size alone makes the range read as zeros.
            }
            case FALLOC -> file.zero(hostOffset, lengthBytes);
            case FULL -> writeZeros(file, hostOffset, lengthBytes);
        }
    }

    private static void writeZeros(HostFile file, long hostOffset, long lengthBytes) throws IOException {
        try (IoBuffers.Loan loan = IoBuffers.borrow(ZEROS_BYTES)) {
            MemorySegment zeros = loan.segment(ZEROS_BYTES).fill((byte) 0);
            long end = hostOffset + lengthBytes;
            for (long position = hostOffset; position < end; position += ZEROS_BYTES) {
                file.write(position, zeros.asSlice(0, Math.min(ZEROS_BYTES, end - position)));
            }
        }
    }
}
