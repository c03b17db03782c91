package io.cowslip.engine.foreign;

import io.cowslip.engine.host.HostFile;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** The formats of other hypervisors, all read and none written. */
public enum ForeignFormat {
    /** VMware's VMDK. */
    VMDK,
    /** Hyper-V's VHDX. */
    VHDX,
    /** VHD, of Virtual PC and what came after it. */
    VPC,
    /** VirtualBox's VDI. */
    VDI;

    private static final int START_BYTES = 512;

    /**
     * The format that a file's content says it has, or null. A fixed VHD image says so in its last sector only, and the
     * rest of it is the guest's: it is none of these.
     */
    public static @Nullable ForeignFormat byContent(HostFile file) throws IOException {
        MemorySegment start = Headers.read(file, 0, START_BYTES);
        for (ForeignFormat format : values()) {
            if (format.isAtStartOf(start)) {
                return format;
            }
        }
        return null;
    }

    private boolean isAtStartOf(MemorySegment start) {
        return switch (this) {
            case VMDK -> Vmdk.isAtStartOf(start);
            case VHDX -> Vhdx.isAtStartOf(start);
            case VPC -> Vhd.isAtStartOf(start);
            case VDI -> Vdi.isAtStartOf(start);
        };
    }

    /** Whether {@link #byContent} tells every image of this format. */
    public boolean isKnownByContent() {
        return this != VPC;
    }

    /**
     * The names of other files that have parts of the disk, as the image has them; nothing is opened but {@code file}.
     *
     * @throws io.cowslip.engine.ImageException as {@link #open}
     */
    public List<String> namedFiles(HostFile file) throws IOException {
        return this == VMDK ? Vmdk.namedFiles(file) : List.of();
    }

    /**
     * Opens a disk of this format. Nothing that was opened for it stays open when that fails.
     *
     * @throws io.cowslip.engine.ImageException INVALID_FORMAT where the file is not what the format says it must be;
     *     UNSUPPORTED_FEATURE naming what is not read; what {@code extents} throws
     */
    public ForeignDisk open(HostFile file, ExtentFiles extents) throws IOException {
        return switch (this) {
            case VMDK -> Vmdk.open(file, extents);
            case VHDX -> Vhdx.open(file);
            case VPC -> Vhd.open(file);
            case VDI -> Vdi.open(file);
        };
    }
}
