package io.cowslip.engine.image.map;

import io.cowslip.engine.host.HostFile;
import io.cowslip.engine.image.encryption.EncryptedData;
import io.cowslip.engine.image.options.Preallocation;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.channels.WritableByteChannel;
import org.jspecify.annotations.Nullable;

/**
 * The guest's own bytes of one image, which are all that is not metadata and not compressed: in the image file, or in an
 * external data file (qcow2 specification, "Incompatible features", bit 2). Every offset is given twice, as the place in
 * the file and as the place on the disk. Any thread.
 */
public final class DataStore {
    private static final int SECTOR_BYTES = 512;

    private final HostFile file;
    private final boolean external;
    private final boolean raw;
    private final @Nullable EncryptedData encrypted;

    private DataStore(HostFile file, boolean external, boolean raw, @Nullable EncryptedData encrypted) {
        this.file = file;
        this.external = external;
        this.raw = raw;
        this.encrypted = encrypted;
    }

    /**
     * Where an image has its guest's bytes.
     *
     * @param dataFile its external data file, or null
     * @param raw whether that must read as the disk when it is taken for a raw image
     * @param encrypted what stands between the disk and the file; null: nothing
     */
    public static DataStore of(
            HostFile imageFile, @Nullable HostFile dataFile, boolean raw, @Nullable EncryptedData encrypted) {
        return dataFile == null
                ? new DataStore(imageFile, false, false, encrypted)
                : new DataStore(dataFile, true, raw && encrypted == null, encrypted);
    }

    /** The file that the bytes are in. */
    public HostFile file() {
        return file;
    }

    /** Whether that is a file of its own, in which every cluster has the place that it has on the disk. */
    public boolean isExternal() {
        return external;
    }

    /** Whether that file must read as the disk at any moment, so that zeros must be in it and not only in the map. */
    public boolean isRaw() {
        return raw;
    }

    /** What stands between the disk and the file, or null. */
    public @Nullable EncryptedData encrypted() {
        return encrypted;
    }

    /** Wipes the key that the bytes are read with, if they are encrypted. No other call is under way. */
    public void forgetKey() {
        if (encrypted != null) {
            encrypted.close();
        }
    }

    /** Fills {@code into}. A file may end before its last data cluster does: what is missing reads as zeros. */
    public void read(long hostOffset, long guestOffset, MemorySegment into) throws IOException {
        if (encrypted != null) {
            encrypted.read(hostOffset, guestOffset, into);
            return;
        }
        long count = file.read(hostOffset, into);
        if (count < into.byteSize()) {
            into.asSlice(count).fill((byte) 0);
        }
    }

    /** {@code ImageLayer#transferTo} of a run in the file. Only of bytes that are in the file as the guest has them. */
    public long transferTo(long hostOffset, long minLengthBytes, long maxLengthBytes, WritableByteChannel target)
            throws IOException {
        return encrypted == null
                ? file.transferTo(hostOffset, minLengthBytes, maxLengthBytes, target)
                : HostFile.NOT_TRANSFERABLE;
    }

    /** Writes all of {@code from}. */
    public void write(long hostOffset, long guestOffset, MemorySegment from) throws IOException {
        if (encrypted != null) {
            encrypted.write(hostOffset, guestOffset, from);
        } else {
            file.write(hostOffset, from);
        }
    }

    /** Makes the range read as zeros. */
    public void zero(long hostOffset, long guestOffset, long lengthBytes) throws IOException {
        if (encrypted != null) {
            encrypted.zero(hostOffset, guestOffset, lengthBytes);
            return;
        }
        // Past its end the file reads as zeros once it has grown, so they need not be written there.
        if (hostOffset < file.sizeBytes()) {
            file.zero(hostOffset, lengthBytes);
        }
    }

    /**
     * Sees to the space of clusters that are new and are to read as zeros.
     *
     * @return whether they do, as they are: encrypted ones do not
     */
    public boolean reserve(Preallocation mode, long hostOffset, long guestOffset, long lengthBytes) throws IOException {
        if (mode == Preallocation.METADATA && !external) {
            if (encrypted == null) {
                zero(hostOffset, guestOffset, lengthBytes);
            }
            growTo(hostOffset + lengthBytes);
        } else {
            // A file of its own is as long as the disk, which may end within its last cluster.
            mode.allocate(
                    file, hostOffset, external ? Math.min(lengthBytes, file.sizeBytes() - hostOffset) : lengthBytes);
        }
        return encrypted == null;
    }

    /** Others may be writing behind the end: so the file is not set to a size. */
    private void growTo(long endBytes) throws IOException {
        if (file.sizeBytes() < endBytes) {
            file.zero(endBytes - SECTOR_BYTES, SECTOR_BYTES);
        }
    }

    /** Follows the disk to a greater size, if this is a file of its own: what the disk gains reads as zeros there. */
    public void grow(long oldBytes, long newBytes) throws IOException {
        if (!external) {
            return;
        }
        long fileBytes = file.sizeBytes();
        if (fileBytes > oldBytes) {
            file.zero(oldBytes, Math.min(fileBytes, newBytes) - oldBytes);
        }
        if (fileBytes < newBytes) {
            file.truncate(newBytes);
        }
    }

    /** Follows the disk to a smaller size, if this is a file of its own. Nobody writes behind that any more. */
    public void cut(long newBytes) throws IOException {
        if (external && file.sizeBytes() > newBytes) {
            file.truncate(newBytes);
        }
    }

    /** Makes the range read as zeros, and gives its space back to the host if that takes it. */
    public void discard(long hostOffset, long guestOffset, long lengthBytes) throws IOException {
        zero(hostOffset, guestOffset, lengthBytes);
        punchWherePossible(hostOffset, lengthBytes);
    }

    /** Gives the range's space back to the host, if that takes it. What the range reads as must not matter any more. */
    public void punchWherePossible(long hostOffset, long lengthBytes) {
        try {
            file.punch(hostOffset, lengthBytes);
        } catch (IOException refused) {
            // A hint, for which no guest's request is to fail.
        }
    }

    /**
     * How far a cluster is filled that the disk's end, {@code diskEnd}, may cut. In a file of their own the guest's bytes
     * end where the disk does; encrypted ones do not, since what is not written would not read as zeros.
     */
    public long endOfFill(long clusterEnd, long diskEnd) {
        return external && encrypted == null ? Math.min(clusterEnd, diskEnd) : clusterEnd;
    }

    /** {@code ImageLayer#mapAt} of a run in the file. */
    public MappedExtent mapAt(long hostOffset, long guestOffset, long lengthBytes) throws IOException {
        if (encrypted != null) {
            return MappedExtent.packed(guestOffset, lengthBytes);
        }
        GuestExtent extent = extentAt(hostOffset, guestOffset, lengthBytes);
        return new MappedExtent(guestOffset, extent.length(), 0, true, extent.zero(), true, hostOffset, file.path());
    }

    /**
     * How the file holds bytes of the guest: an external data file may have holes, which read as zeros without a look.
     */
    public GuestExtent extentAt(long hostOffset, long guestOffset, long lengthBytes) throws IOException {
        if (!external || encrypted != null) {
            return new GuestExtent(guestOffset, lengthBytes, false, false);
        }
        long end = hostOffset + lengthBytes;
        long dataStart = file.nextData(hostOffset);
        if (dataStart > hostOffset) {
            return new GuestExtent(guestOffset, Math.min(dataStart, end) - hostOffset, true, false);
        }
        long holeStart = file.nextHole(hostOffset);
        return holeStart > hostOffset
                ? new GuestExtent(guestOffset, Math.min(holeStart, end) - hostOffset, false, false)
                : new GuestExtent(guestOffset, lengthBytes, true, false);
    }
}
