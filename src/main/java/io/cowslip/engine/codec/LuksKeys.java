package io.cowslip.engine.codec;

import io.cowslip.engine.ImageException;
import io.cowslip.engine.format.LuksHeader;
import io.cowslip.engine.format.LuksHeader.KeySlot;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.security.MessageDigest;
import java.security.SecureRandom;
import java.util.Arrays;
import java.util.function.LongSupplier;
import org.jspecify.annotations.Nullable;

/**
 * The volume key of one LUKS header: found under a passphrase, and put under others (LUKS On-Disk Format Specification
 * 1.2.3, chapter 4). Passphrases are bytes of UTF-8, as QEMU has them; who hands one in wipes it.
 */
public final class LuksKeys {
    private static final int PROBED_ITERATIONS = 100_000;
    private static final int LEAST_ITERATIONS = 1000;

    private final LuksHeader header;
    private final CipherSpec spec;
    private final HashAlgorithm hash;

    /** @throws ImageException UNSUPPORTED_FEATURE or INVALID_FORMAT, as {@link CipherSpec#ofHeader} */
    public LuksKeys(LuksHeader header) throws ImageException {
        this.header = header;
        this.spec = CipherSpec.ofHeader(header.cipherName(), header.cipherMode(), header.keyBytes());
        this.hash = HashAlgorithm.ofHeader(header.hashSpec());
    }

    /** Reads {@code lengthBytes} of the header's area. */
    @FunctionalInterface
    public interface Area {
        byte[] read(long offset, int lengthBytes) throws IOException;
    }

    /**
     * A slot that has come to hold the volume key.
     *
     * @param header as it is to be written, after the material is durable
     * @param material what is to lie at the slot's place
     */
    public record FilledSlot(LuksHeader header, byte[] material) {}

    public CipherSpec spec() {
        return spec;
    }

    /** The volume key, for the caller to wipe; null where no active slot opens with {@code passphrase}. */
    public byte @Nullable [] find(byte[] passphrase, Area area) throws IOException {
        for (int slot = 0; slot < LuksHeader.SLOTS; slot++) {
            if (header.slots().get(slot).active()) {
                byte[] key = open(slot, passphrase, area);
                if (isVolumeKey(key)) {
                    return key;
                }
                Arrays.fill(key, (byte) 0);
            }
        }
        return null;
    }

    private byte[] open(int slot, byte[] passphrase, Area area) throws IOException {
        byte[] material = area.read(header.materialOffset(slot), header.materialSectors() * LuksHeader.SECTOR_BYTES);
        try (ClusterCipher cipher = slotCipher(header.slots().get(slot), passphrase)) {
            run(material, cipher::decrypt);
            return splitter().merge(material);
        } finally {
            Arrays.fill(material, (byte) 0);
        }
    }

    private ClusterCipher slotCipher(KeySlot slot, byte[] passphrase) {
        byte[] slotKey = new Pbkdf2(hash)
                .derive(passphrase, slot.salt().toArray(ValueLayout.JAVA_BYTE), slot.iterations(), header.keyBytes());
        try {
            return new ClusterCipher(spec, slotKey);
        } finally {
            Arrays.fill(slotKey, (byte) 0);
        }
    }

    @FunctionalInterface
    private interface SectorWork {
        void run(long firstSector, MemorySegment from, MemorySegment into);
    }

    /** Key material is encrypted like the disk, with sectors counted from its own beginning. */
    private static void run(byte[] material, SectorWork work) {
        MemorySegment all = MemorySegment.ofArray(material);
        for (int offset = 0; offset < material.length; offset += ClusterCipher.MAX_BYTES) {
            MemorySegment piece = all.asSlice(offset, Math.min(ClusterCipher.MAX_BYTES, material.length - offset));
            work.run(offset / ClusterCipher.SECTOR_BYTES, piece, piece);
        }
    }

    private KeySplitter splitter() {
        return new KeySplitter(hash, header.keyBytes(), LuksHeader.STRIPES);
    }

    private boolean isVolumeKey(byte[] key) {
        byte[] digest = digest(key, header.digestSalt().toArray(ValueLayout.JAVA_BYTE), header.digestIterations());
        return MessageDigest.isEqual(digest, header.digest().toArray(ValueLayout.JAVA_BYTE));
    }

    private byte[] digest(byte[] key, byte[] salt, int iterations) {
        return new Pbkdf2(hash).derive(key, salt, iterations, LuksHeader.DIGEST_BYTES);
    }

    /** Puts the volume key under another passphrase, in a slot that is free. */
    public FilledSlot fill(int slot, byte[] volumeKey, byte[] passphrase, int iterations, SecureRandom random) {
        KeySlot filled = new KeySlot(
                true,
                iterations,
                MemorySegment.ofArray(random(LuksHeader.SALT_BYTES, random)),
                header.slots().get(slot).materialOffsetSectors(),
                LuksHeader.STRIPES);
        byte[] split = splitter().split(volumeKey, random);
        byte[] material = Arrays.copyOf(split, header.materialSectors() * LuksHeader.SECTOR_BYTES);
        Arrays.fill(split, (byte) 0);
        try (ClusterCipher cipher = slotCipher(filled, passphrase)) {
            run(material, cipher::encrypt);
        }
        return new FilledSlot(header.withSlot(slot, filled), material);
    }

    /** The same header for a new volume key, which nothing was encrypted with yet. */
    public LuksHeader withVolumeKey(byte[] volumeKey, int iterations, SecureRandom random) {
        byte[] salt = random(LuksHeader.SALT_BYTES, random);
        return new LuksHeader(
                header.cipherName(),
                header.cipherMode(),
                header.hashSpec(),
                header.payloadOffsetSectors(),
                header.keyBytes(),
                MemorySegment.ofArray(digest(volumeKey, salt, iterations)),
                MemorySegment.ofArray(salt),
                iterations,
                header.uuid(),
                header.slots());
    }

    /**
     * How many iterations take about {@code millis} to open a slot, by a try on this machine.
     *
     * @param ticker nanoseconds
     */
    public int iterationsIn(long millis, LongSupplier ticker) {
        Pbkdf2 derivation = new Pbkdf2(hash);
        byte[] salt = new byte[LuksHeader.SALT_BYTES];
        // The first run is slower than any later one, and its time would make keys weaker.
        derivation.derive(salt, salt, PROBED_ITERATIONS, header.keyBytes());
        long start = ticker.getAsLong();
        derivation.derive(salt, salt, PROBED_ITERATIONS, header.keyBytes());
        long nanos = Math.max(1, ticker.getAsLong() - start);
        double iterations = PROBED_ITERATIONS * (millis * 1e6 / nanos);
        return (int) Math.clamp(iterations, LEAST_ITERATIONS, LuksHeader.MAX_ITERATIONS / (2.0 * LuksHeader.SLOTS));
    }

    private static byte[] random(int lengthBytes, SecureRandom random) {
        byte[] bytes = new byte[lengthBytes];
        random.nextBytes(bytes);
        return bytes;
    }
}
