package io.cowslip.engine.image.convert;

import io.cowslip.engine.ImageException;
import io.cowslip.engine.format.Features;
import io.cowslip.engine.format.HeaderExtension;
import io.cowslip.engine.format.ImageHeader;
import io.cowslip.engine.format.SnapshotRecord;
import io.cowslip.engine.host.HostFile;
import io.cowslip.engine.image.snapshot.SnapshotReader;
import java.io.IOException;

/**
 * Which images of version 3 can become ones of version 2 ({@code compat=0.10}). Refuses what {@code qemu-img amend}
 * refuses, and two things that it takes and spoils: clusters compressed with zstd, which nobody could read any more, and
 * bitmaps, which would become leaks.
 */
final class VersionLowering {
    private static final long LARGEST_VM_STATE_BYTES = 0xFFFF_FFFFL;

    private VersionLowering() {}

    /**
     * The header in version 2.
     *
     * @param counts16 whether refcounts are to have 16 bits if they have not
     * @throws ImageException INVALID_OPTION naming {@code compat} and what stands in the way; INVALID_FORMAT where that is
     *     damage to the snapshots
     */
    static ImageHeader lowered(HostFile file, ImageHeader header, boolean counts16) throws IOException {
        refuseIf(header.features().extendedL2(), "the image has extended L2 entries");
        refuseIf(header.features().externalDataFile(), "the image has a data file");
        refuseIf(
                header.compressionType() != ImageHeader.COMPRESSION_ZLIB,
                "the image's compression type is zstd, and 0.10 has zlib only");
        refuseIf(
                (header.features().autoclear() & Features.BITMAPS) != 0
                        && header.extensionOffset(HeaderExtension.BITMAPS) >= 0,
                "the image has bitmaps; delete them before");
        refuseIf(header.saysMoreThanIsKnown(), "the header says what is not known here and 0.10 has no place for");
        refuseIf(
                header.refcountOrder() != ImageHeader.VERSION_2_REFCOUNT_ORDER && !counts16,
                "0.10 has refcounts of 16 bits and the image of " + header.refcountBits()
                        + "; give \"refcount-bits\": 16 as well");
        for (SnapshotRecord snapshot : SnapshotReader.read(file, header).snapshots()) {
            refuseIf(
                    SnapshotReader.diskBytes(snapshot, header, file) != header.virtualSizeBytes(),
                    "the disk of snapshot \"" + snapshot.id() + "\" has another size than the active one");
            refuseIf(
                    snapshot.vmStateBytes() > LARGEST_VM_STATE_BYTES,
                    "snapshot \"" + snapshot.id() + "\" has a VM state of 4 GiB or more");
        }
        return header.asVersion2();
    }

    private static void refuseIf(boolean isSo, String why) throws ImageException {
        if (isSo) {
            throw ImageException.invalidOption("compat", "compat cannot become 0.10: " + why);
        }
    }
}
