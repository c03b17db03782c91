package io.cowslip.web.data;

import io.cowslip.web.problem.Refusal;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.Arrays;
import java.util.Locale;
import java.util.stream.Collectors;
import org.bouncycastle.jcajce.provider.digest.Blake2b;
import org.bouncycastle.jcajce.provider.digest.Blake2s;

/** The digests that a checksum can be made of, by the names that imageio's clients know. */
public enum ChecksumAlgorithm {
    /** With a digest of 32 bytes, as imageio has it. */
    BLAKE2B(""),
    BLAKE2S(""),
    SHA1("SHA-1"),
    SHA224("SHA-224"),
    SHA256("SHA-256"),
    SHA384("SHA-384"),
    SHA512("SHA-512"),
    SHA3_256("SHA3-256"),
    SHA3_512("SHA3-512");

    private final String platformName;

    ChecksumAlgorithm(String platformName) {
        this.platformName = platformName;
    }

    String wireName() {
        return name().toLowerCase(Locale.ROOT);
    }

    /** A digest of nothing yet. */
    public MessageDigest start() {
        return switch (this) {
            case BLAKE2B -> new Blake2b.Blake2b256();
            case BLAKE2S -> new Blake2s.Blake2s256();
            default -> ofPlatform();
        };
    }

    private MessageDigest ofPlatform() {
        try {
            return MessageDigest.getInstance(platformName);
        } catch (NoSuchAlgorithmException impossible) {
            throw new IllegalStateException("every Java platform has " + platformName, impossible);
        }
    }

    /** By the name that clients know it by, in lower case; any other is refused as the option {@code algorithm}. */
    public static ChecksumAlgorithm parse(String name) {
        return Arrays.stream(values())
                .filter(algorithm -> algorithm.wireName().equals(name))
                .findFirst()
                .orElseThrow(() ->
                        Refusal.ofOption("algorithm", "algorithm is \"" + name + "\"; it may be one of " + names()));
    }

    private static String names() {
        return Arrays.stream(values()).map(ChecksumAlgorithm::wireName).collect(Collectors.joining(", "));
    }
}
