package io.cowslip.engine.image.options;

import io.cowslip.engine.ImageException;
import io.cowslip.engine.codec.CipherSpec;
import io.cowslip.engine.codec.HashAlgorithm;
import io.cowslip.engine.codec.LuksKeys;
import io.cowslip.engine.format.LuksHeader;
import io.cowslip.engine.format.LuksHeader.KeySlot;
import java.lang.foreign.MemorySegment;
import java.security.SecureRandom;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Set;
import java.util.UUID;
import java.util.function.LongSupplier;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/**
 * The encryption of a new image: LUKS of version 1, with the names and defaults of {@code qemu-img create}.
 *
 * @param keySecret the passphrase of the first key slot
 * @param cipherAlg {@code aes-128}, {@code aes-192} or {@code aes-256}
 * @param cipherMode {@code xts}, {@code cbc} or {@code ecb}
 * @param ivgenAlg {@code plain}, {@code plain64} or {@code essiv}
 * @param ivgenHashAlg {@code sha256}, with {@code essiv} only; null: not given
 * @param hashAlg the hash of the key derivation
 * @param iterations how often it is applied: see {@link #iterationsIn}
 */
public record NewEncryption(
        Secret keySecret,
        String cipherAlg,
        String cipherMode,
        String ivgenAlg,
        @Nullable String ivgenHashAlg,
        String hashAlg,
        int iterations) {

    /** {@code iter-time} unless given, in milliseconds: QEMU's. */
    public static final long DEFAULT_ITER_TIME_MILLIS = 2000;

    /** The longest {@code iter-time} that is taken: each opening takes as long. */
    public static final long MAX_ITER_TIME_MILLIS = 10_000;

    /** The volume key's digest is looked at once more with each passphrase, so it gets less, as in QEMU. */
    private static final int DIGEST_SHARE = 8;

    private static final int LEAST_ITERATIONS = 1000;
    private static final int HEADER_SECTORS = 8;
    private static final Set<String> CIPHERS = Set.of("aes-128", "aes-192", "aes-256");
    private static final Set<String> MODES = Set.of("xts", "cbc", "ecb");
    private static final Set<String> VECTORS = Set.of("plain", "plain64", "essiv");
    private static final Set<String> HASHES =
            Arrays.stream(HashAlgorithm.values()).map(HashAlgorithm::wireName).collect(Collectors.toSet());

    /** With everything at its default but the passphrase. */
    public static NewEncryption of(Secret keySecret, int iterations) {
        return new NewEncryption(keySecret, "aes-256", "xts", "plain64", null, "sha256", iterations);
    }

    /** The same under another passphrase. */
    public NewEncryption withKeySecret(Secret other) {
        return new NewEncryption(other, cipherAlg, cipherMode, ivgenAlg, ivgenHashAlg, hashAlg, iterations);
    }

    /** The same with other iterations. */
    public NewEncryption withIterations(int other) {
        return new NewEncryption(keySecret, cipherAlg, cipherMode, ivgenAlg, ivgenHashAlg, hashAlg, other);
    }

    /** How many iterations take about {@code millis} on this machine, by {@code ticker}'s nanoseconds. */
    public int iterationsIn(long millis, LongSupplier ticker) throws ImageException {
        if (millis < 1 || millis > MAX_ITER_TIME_MILLIS) {
            throw ImageException.invalidOption(
                    "encrypt.iter-time",
                    "encrypt.iter-time is " + millis + "; it may be 1 to " + MAX_ITER_TIME_MILLIS + " milliseconds");
        }
        return new LuksKeys(emptyHeader()).iterationsIn(millis, ticker);
    }

    /** What is to lie in the image's encryption area: each part at its offset there. */
    public record Area(byte[] header, long materialOffset, byte[] material, long lengthBytes) {}

    /** A header with a new volume key in its first slot. */
    public Area makeArea(SecureRandom random) throws ImageException {
        LuksHeader empty = emptyHeader();
        byte[] volumeKey = new byte[empty.keyBytes()];
        byte[] passphrase = keySecret.utf8();
        try {
            random.nextBytes(volumeKey);
            LuksHeader keyed = new LuksKeys(empty)
                    .withVolumeKey(volumeKey, Math.max(LEAST_ITERATIONS, iterations / DIGEST_SHARE), random);
            LuksKeys.FilledSlot filled = new LuksKeys(keyed).fill(0, volumeKey, passphrase, iterations, random);
            return new Area(filled.header().toBytes(), keyed.materialOffset(0), filled.material(), lengthBytes(keyed));
        } finally {
            Arrays.fill(volumeKey, (byte) 0);
            Arrays.fill(passphrase, (byte) 0);
        }
    }

    /** Bytes that the area will have. */
    public long lengthBytes() throws ImageException {
        return lengthBytes(emptyHeader());
    }

    private static long lengthBytes(LuksHeader header) {
        return (long) header.payloadOffsetSectors() * LuksHeader.SECTOR_BYTES;
    }

    /** A header with places for eight keys, one page apart as QEMU has them, and none in them. */
    private LuksHeader emptyHeader() throws ImageException {
        checkCipher();
        int cipherBytes = Integer.parseInt(cipherAlg.substring(4)) / Byte.SIZE;
        int keyBytes = cipherMode.equals("xts") ? 2 * cipherBytes : cipherBytes;
        int materialSectors = keyBytes * LuksHeader.STRIPES / LuksHeader.SECTOR_BYTES;
        int slotSectors = Math.ceilDiv(materialSectors, HEADER_SECTORS) * HEADER_SECTORS;
        List<KeySlot> slots = new ArrayList<>();
        for (int slot = 0; slot < LuksHeader.SLOTS; slot++) {
            MemorySegment salt = MemorySegment.ofArray(new byte[LuksHeader.SALT_BYTES]);
            slots.add(new KeySlot(false, 0, salt, HEADER_SECTORS + slot * slotSectors, LuksHeader.STRIPES));
        }
        LuksHeader header = new LuksHeader(
                "aes",
                cipherMode + "-" + ivgenAlg + (ivgenAlg.equals("essiv") ? ":sha256" : ""),
                hashAlg,
                HEADER_SECTORS + LuksHeader.SLOTS * slotSectors,
                keyBytes,
                MemorySegment.ofArray(new byte[LuksHeader.DIGEST_BYTES]),
                MemorySegment.ofArray(new byte[LuksHeader.SALT_BYTES]),
                0,
                UUID.randomUUID().toString(),
                slots);
        CipherSpec.ofHeader(header.cipherName(), header.cipherMode(), keyBytes);
        return header;
    }

    /** Refuses what cannot be made, naming the option. */
    public void check() throws ImageException {
        Secret.require(keySecret, "encrypt.key-secret is missing; it must be the new image's passphrase");
        checkCipher();
    }

    private void checkCipher() throws ImageException {
        require("encrypt.cipher-alg", cipherAlg, CIPHERS);
        require("encrypt.cipher-mode", cipherMode, MODES);
        require("encrypt.ivgen-alg", ivgenAlg, VECTORS);
        require("encrypt.hash-alg", hashAlg, HASHES);
        if (ivgenHashAlg != null && !ivgenAlg.equals("essiv")) {
            throw ImageException.invalidOption(
                    "encrypt.ivgen-hash-alg", "encrypt.ivgen-hash-alg is given, but only ivgen-alg \"essiv\" has one");
        }
        if (ivgenHashAlg != null) {
            require("encrypt.ivgen-hash-alg", ivgenHashAlg, Set.of("sha256"));
        }
        if (cipherAlg.equals("aes-192") && !cipherMode.equals("xts")) {
            throw ImageException.invalidOption(
                    "encrypt.cipher-alg",
                    "encrypt.cipher-alg is \"aes-192\"; with cipher-mode \"" + cipherMode
                            + "\" its keys do not fill whole sectors, and QEMU cannot open such an image");
        }
    }

    private static void require(String option, String value, Set<String> allowed) throws ImageException {
        if (!allowed.contains(value)) {
            throw ImageException.invalidOption(
                    option,
                    option + " is \"" + value + "\"; it may be "
                            + allowed.stream().sorted().collect(Collectors.joining(", ")));
        }
    }
}
