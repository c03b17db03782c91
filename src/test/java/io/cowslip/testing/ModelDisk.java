package io.cowslip.testing;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * What the guest's disk holds, as a plain array, and what it may hold after a crash: each sector is what it was at the
 * last flush or what any later change made of it. Where a change covered less than a sector, its bytes may be of
 * different ages. Not for several threads.
 */
public final class ModelDisk {
    private static final int SECTOR = 512;

    private static final int NO_OTHER = -1;

    private byte[] bytes;
    private int otherSizeBytes = NO_OTHER;
    private final Map<Integer, Versions> unflushed = new HashMap<>();

    /** All that a sector has been since the last flush, oldest first. */
    private record Versions(List<byte[]> contents, boolean[] partial) {}

    private ModelDisk(byte[] bytes) {
        this.bytes = bytes;
    }

    public static ModelDisk ofZeros(int sizeBytes) {
        return new ModelDisk(new byte[sizeBytes]);
    }

    /** A disk that holds a copy of {@code content}, flushed. */
    public static ModelDisk of(byte[] content) {
        return new ModelDisk(content.clone());
    }

    /** A disk over a backing file that may be shorter or longer. */
    public static ModelDisk over(byte[] backing, int sizeBytes) {
        return new ModelDisk(Arrays.copyOf(backing, sizeBytes));
    }

    public int sizeBytes() {
        return bytes.length;
    }

    /** A copy of what the guest reads now. */
    public byte[] read(int offset, int length) {
        return Arrays.copyOfRange(bytes, offset, offset + length);
    }

    /** All that the guest reads now; not to be changed. */
    byte[] bytes() {
        return bytes;
    }

    public void write(int offset, byte[] data) {
        remember(offset, data.length);
        System.arraycopy(data, 0, bytes, offset, data.length);
        append(offset, data.length);
    }

    public void zero(int offset, int length) {
        write(offset, new byte[length]);
    }

    /** From now on a crash may leave the disk with this size as well. */
    public void beginResize(int sizeBytes) {
        otherSizeBytes = sizeBytes;
    }

    /** The disk has this size, durably; what it gains is zeros. */
    public void resize(int sizeBytes) {
        bytes = Arrays.copyOf(bytes, sizeBytes);
        unflushed.keySet().removeIf(sector -> sector * SECTOR >= sizeBytes);
        otherSizeBytes = NO_OTHER;
    }

    /** Everything written so far is durable. */
    public void flushed() {
        unflushed.clear();
    }

    /** Takes over what a range was found to hold after a change that failed half-way. */
    public void adopt(int offset, byte[] found) {
        whatCrashForbids(offset, found).ifPresent(difference -> {
            throw new AssertionError(difference);
        });
        System.arraycopy(found, 0, bytes, offset, found.length);
        append(offset, found.length);
    }

    private void remember(int offset, int length) {
        for (int sector = offset / SECTOR; sector * SECTOR < offset + length; sector++) {
            boolean partial =
                    sector * SECTOR < offset || Math.min((sector + 1) * SECTOR, bytes.length) > offset + length;
            Versions versions = unflushed.computeIfAbsent(
                    sector, s -> new Versions(new ArrayList<>(List.of(sectorNow(s))), new boolean[1]));
            versions.partial()[0] |= partial;
        }
    }

    private void append(int offset, int length) {
        for (int sector = offset / SECTOR; sector * SECTOR < offset + length; sector++) {
            Versions versions = unflushed.get(sector);
            if (versions != null) {
                versions.contents().add(sectorNow(sector));
            }
        }
    }

    private byte[] sectorNow(int sector) {
        return Arrays.copyOfRange(bytes, sector * SECTOR, Math.min((sector + 1) * SECTOR, bytes.length));
    }

    /** How {@code found} differs from what the guest reads now, if it does. */
    public Optional<String> difference(int offset, byte[] found) {
        int at = Arrays.mismatch(bytes, offset, offset + found.length, found, 0, found.length);
        return at < 0 ? Optional.empty() : Optional.of(describe(offset + at, found[at], "now " + bytes[offset + at]));
    }

    /** What in {@code found}, a whole disk, could not be there had the host crashed now, if anything. */
    public Optional<String> whatCrashForbidsOfDisk(byte[] found) {
        if (found.length == bytes.length) {
            return whatCrashForbids(0, found);
        }
        if (found.length != otherSizeBytes) {
            return Optional.of("the disk has " + found.length + " bytes, but should have " + bytes.length
                    + (otherSizeBytes == NO_OTHER ? "" : " or " + otherSizeBytes));
        }
        for (int at = bytes.length; at < found.length; at++) {
            if (found[at] != 0) {
                return Optional.of(describe(at, found[at], "behind the disk's old end"));
            }
        }
        return whatCrashForbids(0, Arrays.copyOf(found, Math.min(found.length, bytes.length)));
    }

    /** What in {@code found} could not be there had the host crashed now, if anything. */
    public Optional<String> whatCrashForbids(int offset, byte[] found) {
        int from = 0;
        while (from < found.length) {
            int sector = (offset + from) / SECTOR;
            int to = Math.min(found.length, (sector + 1) * SECTOR - offset);
            Optional<String> fault = forbidden(sector, offset, found, from, to);
            if (fault.isPresent()) {
                return fault;
            }
            from = to;
        }
        return Optional.empty();
    }

    private Optional<String> forbidden(int sector, int offset, byte[] found, int from, int to) {
        Versions versions = unflushed.get(sector);
        if (versions == null) {
            int at = Arrays.mismatch(bytes, offset + from, offset + to, found, from, to);
            return at < 0
                    ? Optional.empty()
                    : Optional.of(
                            describe(offset + from + at, found[from + at], "flushed " + bytes[offset + from + at]));
        }
        int start = offset + from - sector * SECTOR;
        for (byte[] version : versions.contents()) {
            if (Arrays.equals(version, start, start + to - from, found, from, to)) {
                return Optional.empty();
            }
        }
        if (versions.partial()[0] && eachByteIsOfSomeVersion(versions, start, found, from, to)) {
            return Optional.empty();
        }
        return Optional.of(describe(
                offset + from, found[from], "none of " + versions.contents().size() + " versions since the flush"));
    }

    private static boolean eachByteIsOfSomeVersion(Versions versions, int start, byte[] found, int from, int to) {
        for (int i = from; i < to; i++) {
            int at = start + i - from;
            byte value = found[i];
            if (!anyHas(versions.contents(), at, value)) {
                return false;
            }
        }
        return true;
    }

    private static boolean anyHas(List<byte[]> versions, int at, byte value) {
        for (byte[] version : versions) {
            if (version[at] == value) {
                return true;
            }
        }
        return false;
    }

    private static String describe(int at, byte found, String expected) {
        return "guest byte " + at + " (sector " + at / SECTOR + ") is " + found + ", but " + expected;
    }
}
