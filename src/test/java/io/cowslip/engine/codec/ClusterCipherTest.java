package io.cowslip.engine.codec;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import io.cowslip.engine.codec.CipherSpec.Mode;
import io.cowslip.engine.codec.CipherSpec.VectorSource;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.security.GeneralSecurityException;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.SplittableRandom;
import javax.crypto.Cipher;
import javax.crypto.spec.IvParameterSpec;
import javax.crypto.spec.SecretKeySpec;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

/** The ciphers against published vectors, the JDK's own chaining, and themselves in other portions. */
final class ClusterCipherTest {
    private static final HexFormat HEX = HexFormat.of();

    /** IEEE 1619-2007, annex B, vectors 4 and 10: the bytes 00 to ff twice. */
    @ParameterizedTest
    @CsvSource({
        "2718281828459045235360287471352631415926535897932384626433832795, 0,"
                + "27a7479befa1d476489f308cd4cfa6e2a96e4bbe3208ff25287dd3819616e89c",
        "2718281828459045235360287471352662497757247093699959574966967627"
                + "3141592653589793238462643383279502884197169399375105820974944592, 255,"
                + "1c3b3a102f770386e4836c99e370cf9bea00803f5e482357a4ae12d414a3e63b"
    })
    void xtsIsThatOfTheStandard(String key, long sector, String beginning) {
        byte[] plain = new byte[512];
        for (int index = 0; index < plain.length; index++) {
            plain[index] = (byte) index;
        }
        byte[] keyBytes = HEX.parseHex(key);
        try (ClusterCipher cipher =
                new ClusterCipher(new CipherSpec(Mode.XTS, VectorSource.PLAIN64, keyBytes.length, null), keyBytes)) {
            byte[] encrypted = encrypt(cipher, sector, plain);
            assertThat(HEX.formatHex(encrypted)).startsWith(beginning);
            assertThat(decrypt(cipher, sector, encrypted)).isEqualTo(plain);
        }
    }

    @ParameterizedTest
    @ValueSource(longs = {0, 1, 0xFFFF_FFF0L, 1L << 40})
    void cbcIsThatOfTheJdk(long sector) throws GeneralSecurityException {
        SplittableRandom random = new SplittableRandom(sector);
        byte[] key = bytes(random, 32);
        byte[] plain = bytes(random, 64 << 10);
        byte[] expected = new byte[plain.length];
        for (int offset = 0; offset < plain.length; offset += 512) {
            Cipher jdk = Cipher.getInstance("AES/CBC/NoPadding");
            byte[] vector = ByteBuffer.allocate(16)
                    .order(ByteOrder.LITTLE_ENDIAN)
                    .putLong(sector + offset / 512)
                    .array();
            jdk.init(Cipher.ENCRYPT_MODE, new SecretKeySpec(key, "AES"), new IvParameterSpec(vector));
            jdk.doFinal(plain, offset, 512, expected, offset);
        }
        try (ClusterCipher cipher = new ClusterCipher(new CipherSpec(Mode.CBC, VectorSource.PLAIN64, 32, null), key)) {
            assertThat(encrypt(cipher, sector, plain)).isEqualTo(expected);
            assertThat(decrypt(cipher, sector, expected)).isEqualTo(plain);
        }
    }

    @ParameterizedTest
    @EnumSource(Mode.class)
    void portionsDoNotMatter(Mode mode) {
        SplittableRandom random = new SplittableRandom(mode.ordinal());
        for (VectorSource vectors : VectorSource.values()) {
            byte[] key = bytes(random, 32);
            CipherSpec spec = new CipherSpec(
                    mode, vectors, key.length, vectors == VectorSource.ESSIV ? HashAlgorithm.SHA256 : null);
            byte[] plain = bytes(random, 64 << 10);
            long sector = 0xFFFF_FFC0L;
            try (ClusterCipher cipher = new ClusterCipher(spec, key)) {
                byte[] whole = encrypt(cipher, sector, plain);
                for (int offset = 0; offset < plain.length; ) {
                    int length = Math.min(plain.length - offset, 512 * random.nextInt(1, 20));
                    byte[] part = Arrays.copyOfRange(plain, offset, offset + length);
                    byte[] encrypted = encrypt(cipher, sector + offset / 512, part);
                    assertThat(encrypted).isEqualTo(Arrays.copyOfRange(whole, offset, offset + length));
                    assertThat(decrypt(cipher, sector + offset / 512, encrypted))
                            .isEqualTo(part);
                    offset += length;
                }
            }
        }
    }

    @Test
    void onlyWholeSectorsAreTaken() {
        try (ClusterCipher cipher = new ClusterCipher(CipherSpec.legacyAes(), new byte[16])) {
            assertThatIllegalArgumentException().isThrownBy(() -> encrypt(cipher, 0, new byte[100]));
            assertThatIllegalArgumentException().isThrownBy(() -> encrypt(cipher, 0, new byte[65 << 10]));
            assertThat(cipher.toString()).doesNotContain("[B");
        }
    }

    private static byte[] encrypt(ClusterCipher cipher, long sector, byte[] plain) {
        byte[] encrypted = new byte[plain.length];
        cipher.encrypt(sector, MemorySegment.ofArray(plain), MemorySegment.ofArray(encrypted));
        return encrypted;
    }

    private static byte[] decrypt(ClusterCipher cipher, long sector, byte[] encrypted) {
        byte[] plain = new byte[encrypted.length];
        cipher.decrypt(sector, MemorySegment.ofArray(encrypted), MemorySegment.ofArray(plain));
        return plain;
    }

    private static byte[] bytes(SplittableRandom random, int length) {
        byte[] bytes = new byte[length];
        random.nextBytes(bytes);
        return bytes;
    }
}
