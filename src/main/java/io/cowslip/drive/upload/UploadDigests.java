package io.cowslip.drive.upload;

import java.lang.foreign.MemorySegment;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/** Digests of bytes as they come in, by the names that Java has for their algorithms. One thread at a time. */
public final class UploadDigests {
    private final Map<String, MessageDigest> digests = new TreeMap<>();

    private UploadDigests() {}

    /** Of nothing yet. */
    public static UploadDigests of(Set<String> algorithms) {
        UploadDigests begun = new UploadDigests();
        algorithms.forEach(algorithm -> begun.digests.put(algorithm, start(algorithm)));
        return begun;
    }

    private static MessageDigest start(String algorithm) {
        try {
            return MessageDigest.getInstance(algorithm);
        } catch (NoSuchAlgorithmException unknown) {
            throw new IllegalArgumentException(algorithm + " is no digest of this Java", unknown);
        }
    }

    /** Takes the next bytes in. */
    public void update(MemorySegment bytes) {
        digests.values().forEach(digest -> digest.update(bytes.asByteBuffer()));
    }

    /** The digest of the bytes so far; null where it was not begun with them. */
    public byte @Nullable [] of(String algorithm) {
        MessageDigest digest = digests.get(algorithm);
        return digest == null ? null : copy(digest).digest();
    }

    /** The same, to go on from on its own. */
    UploadDigests copy() {
        UploadDigests copy = new UploadDigests();
        digests.forEach((algorithm, digest) -> copy.digests.put(algorithm, copy(digest)));
        return copy;
    }

    private static MessageDigest copy(MessageDigest digest) {
        try {
            return (MessageDigest) digest.clone();
        } catch (CloneNotSupportedException impossible) {
            throw new IllegalStateException("the digests of every Java can be copied", impossible);
        }
    }
}
