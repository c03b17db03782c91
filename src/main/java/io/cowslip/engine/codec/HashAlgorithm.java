package io.cowslip.engine.codec;

import io.cowslip.engine.ImageException;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.Arrays;
import java.util.stream.Collectors;

/** The hashes that LUKS headers name and this Java has. */
public enum HashAlgorithm {
    SHA1("sha1", "SHA-1", "HmacSHA1"),
    SHA224("sha224", "SHA-224", "HmacSHA224"),
    SHA256("sha256", "SHA-256", "HmacSHA256"),
    SHA384("sha384", "SHA-384", "HmacSHA384"),
    SHA512("sha512", "SHA-512", "HmacSHA512");

    private final String wireName;
    private final String digestName;
    private final String macName;

    HashAlgorithm(String wireName, String digestName, String macName) {
        this.wireName = wireName;
        this.digestName = digestName;
        this.macName = macName;
    }

    /** The name in headers and options. */
    public String wireName() {
        return wireName;
    }

    String macName() {
        return macName;
    }

    MessageDigest digest() {
        try {
            return MessageDigest.getInstance(digestName);
        } catch (NoSuchAlgorithmException e) {
            throw new IllegalStateException("this Java has no " + digestName, e);
        }
    }

    /** The hash that a header names. */
    static HashAlgorithm ofHeader(String name) throws ImageException {
        for (HashAlgorithm hash : values()) {
            if (hash.wireName.equals(name)) {
                return hash;
            }
        }
        throw ImageException.of(
                ImageException.Kind.UNSUPPORTED_FEATURE,
                "The encryption uses the hash \"" + name + "\"; supported are " + names());
    }

    static String names() {
        return Arrays.stream(values()).map(HashAlgorithm::wireName).collect(Collectors.joining(", "));
    }
}
