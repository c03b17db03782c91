package io.cowslip.engine.format;

import io.cowslip.engine.ImageException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;

/**
 * A LUKS header of version 1 (LUKS On-Disk Format Specification 1.2.3, "partition header"). Places in it are counted in
 * sectors of 512 bytes from the header's own beginning.
 *
 * @param cipherName such as {@code aes}
 * @param cipherMode such as {@code xts-plain64}
 * @param hashSpec such as {@code sha256}: of key derivation and splitting
 * @param payloadOffsetSectors where the header and all key material end
 * @param keyBytes length of the volume key
 * @param digest what the volume key is recognised by
 * @param digestSalt the salt of that
 * @param digestIterations the iterations of that
 * @param uuid the name that whoever made it gave it
 * @param slots the eight key slots
 */
public record LuksHeader(
        String cipherName,
        String cipherMode,
        String hashSpec,
        int payloadOffsetSectors,
        int keyBytes,
        MemorySegment digest,
        MemorySegment digestSalt,
        int digestIterations,
        String uuid,
        List<KeySlot> slots) {

    public static final int BYTES = 592;
    public static final int SLOTS = 8;
    public static final int SALT_BYTES = 32;
    public static final int DIGEST_BYTES = 20;
    public static final int SECTOR_BYTES = 512;

    /** How often a key is stretched over its material: the only number that QEMU and cryptsetup write. */
    public static final int STRIPES = 4000;

    /** Where the first key slot's record lies. */
    public static final int SLOT_RECORDS = 208;

    public static final int SLOT_RECORD_BYTES = 48;

    /** The most rounds of hashing that one opening may be made to do: minutes of a processor. */
    public static final long MAX_ITERATIONS = 100_000_000;

    /** The longest header area that is looked at: eight slots of the longest key take half of it. */
    public static final long MAX_AREA_BYTES = 16L << 20;

    private static final long MAGIC = 0x4C55_4B53_BABE_0001L;
    private static final int ACTIVE = 0x00AC_71F3;
    private static final int INACTIVE = 0x0000_DEAD;

    /**
     * One place for the volume key, under one passphrase.
     *
     * @param iterations of the key derivation; 0 where the slot is not active
     * @param materialOffsetSectors where the split and encrypted key lies
     */
    public record KeySlot(boolean active, int iterations, MemorySegment salt, int materialOffsetSectors, int stripes) {

        public KeySlot {
            salt = salt.asReadOnly();
        }
    }

    public LuksHeader {
        digest = digest.asReadOnly();
        digestSalt = digestSalt.asReadOnly();
        slots = List.copyOf(slots);
    }

    /**
     * Reads a header and checks that all it names lies in its area.
     *
     * @param bytes at least {@link #BYTES}
     * @param areaBytes the length of the area that the header and the key material have
     * @throws ImageException INVALID_FORMAT naming the field, or UNSUPPORTED_FEATURE for other versions
     */
    public static LuksHeader parse(MemorySegment bytes, long areaBytes) throws ImageException {
        if (bytes.byteSize() < BYTES) {
            throw invalid("the area of " + bytes.byteSize() + " bytes is too short for a header of " + BYTES);
        }
        long magic = bytes.get(BigEndian.LONG, 0);
        if (magic >>> 16 != MAGIC >>> 16) {
            throw invalid("it does not start with \"LUKS\\xba\\xbe\"");
        }
        if (magic != MAGIC) {
            throw ImageException.of(
                    ImageException.Kind.UNSUPPORTED_FEATURE,
                    "The LUKS header is of version " + (magic & 0xFFFF) + "; 1 is supported, as QEMU writes it");
        }
        List<KeySlot> slots = new ArrayList<>();
        for (int slot = 0; slot < SLOTS; slot++) {
            slots.add(parseSlot(bytes, SLOT_RECORDS + (long) slot * SLOT_RECORD_BYTES));
        }
        LuksHeader header = new LuksHeader(
                text(bytes, 8, 32),
                text(bytes, 40, 32),
                text(bytes, 72, 32),
                bytes.get(BigEndian.INT, 104),
                bytes.get(BigEndian.INT, 108),
                copy(bytes, 112, DIGEST_BYTES),
                copy(bytes, 132, SALT_BYTES),
                bytes.get(BigEndian.INT, 164),
                text(bytes, 168, 40),
                slots);
        header.check(areaBytes);
        return header;
    }

    private static KeySlot parseSlot(MemorySegment bytes, long offset) throws ImageException {
        int state = bytes.get(BigEndian.INT, offset);
        if (state != ACTIVE && state != INACTIVE) {
            throw invalid("the state of a key slot is 0x" + Integer.toHexString(state) + "; it may be 0x"
                    + Integer.toHexString(ACTIVE) + " or 0x" + Integer.toHexString(INACTIVE));
        }
        return new KeySlot(
                state == ACTIVE,
                bytes.get(BigEndian.INT, offset + 4),
                copy(bytes, offset + 8, SALT_BYTES),
                bytes.get(BigEndian.INT, offset + 40),
                bytes.get(BigEndian.INT, offset + 44));
    }

    private void check(long areaBytes) throws ImageException {
        if (keyBytes < 8 || keyBytes > 64) {
            throw invalid("the volume key has " + Integer.toUnsignedString(keyBytes) + " bytes; it may have 8 to 64");
        }
        requireIterations("the digest", digestIterations);
        long total = digestIterations;
        for (int slot = 0; slot < SLOTS; slot++) {
            checkPlace(slot, areaBytes);
            if (slots.get(slot).active) {
                requireIterations("key slot " + slot, slots.get(slot).iterations);
                total += slots.get(slot).iterations;
            }
        }
        if (total > MAX_ITERATIONS) {
            throw invalid("all key slots together have " + total + " iterations; they may have " + MAX_ITERATIONS);
        }
    }

    private static void requireIterations(String what, int iterations) throws ImageException {
        if (iterations < 1 || iterations > MAX_ITERATIONS) {
            throw invalid(what + " has " + Integer.toUnsignedString(iterations) + " iterations; it may have 1 to "
                    + MAX_ITERATIONS);
        }
    }

    private void checkPlace(int index, long areaBytes) throws ImageException {
        KeySlot slot = slots.get(index);
        if (slot.stripes != STRIPES) {
            throw invalid("key slot " + index + " has " + Integer.toUnsignedString(slot.stripes)
                    + " stripes; it must have " + STRIPES);
        }
        long start = startSector(index);
        if (start < 2 || (start + materialSectors()) * SECTOR_BYTES > areaBytes) {
            throw invalid("the key material of slot " + index + " begins at sector " + start
                    + "; it must lie between the header and the end of its area of " + areaBytes + " bytes");
        }
        for (int other = 0; other < index; other++) {
            if (Math.abs(start - startSector(other)) < materialSectors()) {
                throw invalid("the key material of slots " + other + " and " + index + " overlaps");
            }
        }
    }

    private long startSector(int slot) {
        return Integer.toUnsignedLong(slots.get(slot).materialOffsetSectors);
    }

    /** Sectors that the split key takes in each slot. */
    public int materialSectors() {
        return (keyBytes * STRIPES + SECTOR_BYTES - 1) / SECTOR_BYTES;
    }

    /** Where the key material of a slot lies, in bytes from the header's beginning. */
    public long materialOffset(int slot) {
        return startSector(slot) * SECTOR_BYTES;
    }

    /** The same with another slot. */
    public LuksHeader withSlot(int index, KeySlot slot) {
        List<KeySlot> changed = new ArrayList<>(slots);
        changed.set(index, slot);
        return new LuksHeader(
                cipherName,
                cipherMode,
                hashSpec,
                payloadOffsetSectors,
                keyBytes,
                digest,
                digestSalt,
                digestIterations,
                uuid,
                changed);
    }

    /** The header as it stands in the file. */
    public byte[] toBytes() {
        byte[] bytes = new byte[BYTES];
        MemorySegment header = MemorySegment.ofArray(bytes);
        header.set(BigEndian.LONG, 0, MAGIC);
        put(header, 8, cipherName);
        put(header, 40, cipherMode);
        put(header, 72, hashSpec);
        header.set(BigEndian.INT, 104, payloadOffsetSectors);
        header.set(BigEndian.INT, 108, keyBytes);
        MemorySegment.copy(digest, 0, header, 112, DIGEST_BYTES);
        MemorySegment.copy(digestSalt, 0, header, 132, SALT_BYTES);
        header.set(BigEndian.INT, 164, digestIterations);
        put(header, 168, uuid);
        for (int slot = 0; slot < SLOTS; slot++) {
            putSlot(header, SLOT_RECORDS + (long) slot * SLOT_RECORD_BYTES, slots.get(slot));
        }
        return bytes;
    }

    private static void putSlot(MemorySegment header, long offset, KeySlot slot) {
        header.set(BigEndian.INT, offset, slot.active ? ACTIVE : INACTIVE);
        header.set(BigEndian.INT, offset + 4, slot.iterations);
        MemorySegment.copy(slot.salt, 0, header, offset + 8, SALT_BYTES);
        header.set(BigEndian.INT, offset + 40, slot.materialOffsetSectors);
        header.set(BigEndian.INT, offset + 44, slot.stripes);
    }

    private static void put(MemorySegment header, long offset, String text) {
        byte[] ascii = text.getBytes(StandardCharsets.US_ASCII);
        MemorySegment.copy(ascii, 0, header, ValueLayout.JAVA_BYTE, offset, ascii.length);
    }

    private static MemorySegment copy(MemorySegment bytes, long offset, long length) {
        return MemorySegment.ofArray(bytes.asSlice(offset, length).toArray(ValueLayout.JAVA_BYTE));
    }

    /** A text up to its zero byte. It comes from an untrusted file and ends up in messages. */
    private static String text(MemorySegment bytes, long offset, int length) {
        StringBuilder text = new StringBuilder();
        for (int index = 0; index < length; index++) {
            byte character = bytes.get(ValueLayout.JAVA_BYTE, offset + index);
            if (character == 0) {
                break;
            }
            text.append(character >= ' ' && character < 0x7F ? (char) character : '?');
        }
        return text.toString();
    }

    private static ImageException invalid(String why) {
        return ImageException.of(ImageException.Kind.INVALID_FORMAT, "The LUKS header is not sound: " + why);
    }
}
