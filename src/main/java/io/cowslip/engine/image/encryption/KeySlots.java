package io.cowslip.engine.image.encryption;

import io.cowslip.engine.ImageException;
import io.cowslip.engine.ImageException.Kind;
import io.cowslip.engine.codec.LuksKeys;
import io.cowslip.engine.format.ImageHeader;
import io.cowslip.engine.format.LuksHeader;
import io.cowslip.engine.format.LuksHeader.KeySlot;
import io.cowslip.engine.host.HostFile;
import io.cowslip.engine.image.file.HeaderReader;
import io.cowslip.engine.image.options.Secret;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.security.SecureRandom;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.function.LongSupplier;
import org.jspecify.annotations.Nullable;

/**
 * The passphrases of an open LUKS image. A slot is filled before it says that it is active, and says that it is not
 * before it is overwritten, so that a crash leaves no slot that opens to anything else. One caller at a time.
 */
public final class KeySlots {
    private static final int STATE_BYTES = 4;

    private final HostFile file;
    private final long areaOffset;
    private final LuksHeader header;
    private final DurableWrites writes;
    private final SecureRandom random = new SecureRandom();

    /** Writes to the image file, durable on return. */
    @FunctionalInterface
    public interface DurableWrites {
        void write(long hostOffset, byte[] bytes) throws IOException;
    }

    /** Reads what the file has now. */
    public KeySlots(HostFile file, DurableWrites writes) throws IOException {
        ImageHeader imageHeader = HeaderReader.read(file);
        if (imageHeader.cryptMethod() != ImageHeader.CRYPT_LUKS) {
            throw ImageException.of(
                    Kind.UNSUPPORTED_FEATURE, file.path(), "the image has no key slots: it is not encrypted with LUKS");
        }
        this.file = file;
        this.areaOffset = Encryption.area(file, imageHeader).hostOffset();
        this.header = Encryption.readHeader(file, imageHeader);
        this.writes = writes;
    }

    /** All eight slots, in order. */
    public List<KeySlotInfo> list() {
        List<KeySlotInfo> infos = new ArrayList<>();
        for (int slot = 0; slot < LuksHeader.SLOTS; slot++) {
            KeySlot keySlot = header.slots().get(slot);
            infos.add(new KeySlotInfo(slot, keySlot.active(), keySlot.active() ? keySlot.iterations() : 0));
        }
        return infos;
    }

    /** Puts the volume key, which {@code current} opens, under {@code added}, and says in which slot. */
    public int add(Secret current, Secret added, @Nullable Integer wanted, long iterTimeMillis, LongSupplier ticker)
            throws IOException {
        int slot = freeSlot(wanted);
        LuksKeys keys = new LuksKeys(header);
        byte[] volumeKey = volumeKey(keys, current);
        byte[] passphrase = added.utf8();
        try {
            int iterations = keys.iterationsIn(iterTimeMillis, ticker);
            write(slot, keys.fill(slot, volumeKey, passphrase, iterations, random));
            return slot;
        } finally {
            Arrays.fill(volumeKey, (byte) 0);
            Arrays.fill(passphrase, (byte) 0);
        }
    }

    private byte[] volumeKey(LuksKeys keys, Secret current) throws IOException {
        byte[] passphrase = current.utf8();
        try {
            byte[] volumeKey =
                    keys.find(passphrase, (offset, length) -> Encryption.read(file, areaOffset + offset, length));
            if (volumeKey == null) {
                throw ImageException.of(Kind.KEY_REFUSED, file.path(), "key-secret is not a passphrase of the image");
            }
            return volumeKey;
        } finally {
            Arrays.fill(passphrase, (byte) 0);
        }
    }

    private int freeSlot(@Nullable Integer wanted) throws ImageException {
        for (KeySlotInfo info : list()) {
            if (!info.active() && (wanted == null || wanted == info.slot())) {
                return info.slot();
            }
        }
        throw ImageException.invalidOption(
                "keyslot",
                wanted == null
                        ? "all " + LuksHeader.SLOTS + " key slots are in use; erase one first"
                        : "keyslot is " + wanted + "; it must be a free one from 0 to " + (LuksHeader.SLOTS - 1));
    }

    /** The record may lie in two sectors, so it becomes active in a write of its own. */
    private void write(int slot, LuksKeys.FilledSlot filled) throws IOException {
        byte[] record = record(filled.header().toBytes(), slot);
        byte[] inactive = record.clone();
        System.arraycopy(record(header.toBytes(), slot), 0, inactive, 0, STATE_BYTES);
        writes.write(areaOffset + header.materialOffset(slot), filled.material());
        writes.write(recordOffset(slot), inactive);
        writes.write(recordOffset(slot), Arrays.copyOf(record, STATE_BYTES));
    }

    /** Makes a slot open to nothing. The last one is kept: the disk would be lost with it. */
    public void erase(int slot) throws IOException {
        if (slot < 0 || slot >= LuksHeader.SLOTS || !header.slots().get(slot).active()) {
            throw ImageException.of(Kind.NOT_FOUND, file.path(), "there is no active key slot " + slot);
        }
        if (list().stream().filter(KeySlotInfo::active).count() == 1) {
            throw ImageException.of(
                    Kind.BUSY,
                    file.path(),
                    "key slot " + slot + " is the last active one; the disk would be lost with it");
        }
        KeySlot old = header.slots().get(slot);
        KeySlot empty = new KeySlot(
                false,
                0,
                MemorySegment.ofArray(new byte[LuksHeader.SALT_BYTES]),
                old.materialOffsetSectors(),
                old.stripes());
        byte[] record = record(header.withSlot(slot, empty).toBytes(), slot);
        writes.write(recordOffset(slot), Arrays.copyOf(record, STATE_BYTES));
        byte[] noise = new byte[header.materialSectors() * LuksHeader.SECTOR_BYTES];
        random.nextBytes(noise);
        writes.write(areaOffset + header.materialOffset(slot), noise);
        writes.write(recordOffset(slot), record);
    }

    private long recordOffset(int slot) {
        return areaOffset + LuksHeader.SLOT_RECORDS + (long) slot * LuksHeader.SLOT_RECORD_BYTES;
    }

    private static byte[] record(byte[] headerBytes, int slot) {
        int offset = LuksHeader.SLOT_RECORDS + slot * LuksHeader.SLOT_RECORD_BYTES;
        return Arrays.copyOfRange(headerBytes, offset, offset + LuksHeader.SLOT_RECORD_BYTES);
    }
}
