package io.cowslip.web.data;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.charset.StandardCharsets;
import java.util.HexFormat;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class ChecksumAlgorithmTest {

    /** Digests of "abc" as Python's hashlib gives them, blake2b with digest_size=32. */
    @ParameterizedTest
    @CsvSource({
        "blake2b,bddd813c634239723171ef3fee98579b94964e3bb1cb3e427262c8c068d52319",
        "blake2s,508c5e8c327c14e2e1a72ba34eeb452f37458b209ed63a294d999b4c86675982",
        "sha1,a9993e364706816aba3e25717850c26c9cd0d89d",
        "sha224,23097d223405d8228642a477bda255b32aadbce4bda0b3f7e36c9da7",
        "sha256,ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
        "sha3_256,3a985da74fe225b2045c172d6bd390bd855f086e3e9d525b46bfe24511431532"
    })
    void digestsAreThoseOfHashlib(String name, String digest) {
        byte[] actual = ChecksumAlgorithm.parse(name).start().digest("abc".getBytes(StandardCharsets.US_ASCII));
        assertThat(HexFormat.of().formatHex(actual)).isEqualTo(digest);
    }
}
