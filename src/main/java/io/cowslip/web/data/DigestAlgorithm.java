package io.cowslip.web.data;

import io.cowslip.web.problem.ProblemType;
import io.cowslip.web.problem.Refusal;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.Arrays;
import java.util.Base64;
import java.util.Comparator;
import java.util.EnumMap;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/** The algorithms of RFC 9530 that are not deprecated, and the two headers' grammar. */
public enum DigestAlgorithm {
    SHA_256,
    SHA_512;

    private static final Pattern DIGEST = Pattern.compile("([a-z*][a-z0-9_.*-]*)=:([A-Za-z0-9+/=]*):");
    private static final Pattern WISH = Pattern.compile("([a-z*][a-z0-9_.*-]*)(?:=(\\d{1,2}))?");

    String wireName() {
        return name().toLowerCase(Locale.ROOT).replace('_', '-');
    }

    /** The name that Java has for it. */
    public String javaName() {
        return name().replace('_', '-');
    }

    /** A digest as headers have it. */
    public String header(byte[] digest) {
        return wireName() + "=:" + Base64.getEncoder().encodeToString(digest) + ":";
    }

    /** Digests, by Java's names of algorithms, as headers have them; null: there are none. */
    public static @Nullable String header(Map<String, byte[]> digests) {
        return digests.isEmpty()
                ? null
                : Arrays.stream(values())
                        .filter(algorithm -> digests.containsKey(algorithm.javaName()))
                        .map(algorithm -> algorithm.header(Objects.requireNonNull(digests.get(algorithm.javaName()))))
                        .collect(Collectors.joining(", "));
    }

    /** A new digest of this algorithm. */
    public MessageDigest start() {
        try {
            return MessageDigest.getInstance(wireName());
        } catch (NoSuchAlgorithmException impossible) {
            throw new IllegalStateException("every Java platform has " + wireName(), impossible);
        }
    }

    /**
     * The digests in a header of this name, Content-Digest or Repr-Digest. At least one must be known: a check that cannot
     * be made is no check.
     */
    public static Map<DigestAlgorithm, byte[]> digests(String name, String header) {
        Map<DigestAlgorithm, byte[]> digests = new EnumMap<>(DigestAlgorithm.class);
        for (String member : header.split(",", -1)) {
            Matcher matcher = DIGEST.matcher(member.strip());
            if (!matcher.matches()) {
                throw refused(name, header, "it takes sha-256=:base64: or sha-512=:base64:");
            }
            named(matcher.group(1))
                    .ifPresent(algorithm -> digests.put(algorithm, decoded(name, header, matcher.group(2))));
        }
        if (digests.isEmpty()) {
            throw refused(name, header, "none of its algorithms is known; sha-256 and sha-512 are")
                    .with("Want-" + name, "sha-256=10, sha-512=10");
        }
        return digests;
    }

    /** The known algorithm that a Want-Content-Digest or Want-Repr-Digest header prefers; empty where it wants none of them. */
    public static Optional<DigestAlgorithm> preferred(String header) {
        Map<DigestAlgorithm, Integer> weights = new EnumMap<>(DigestAlgorithm.class);
        for (String member : header.split(",", -1)) {
            Matcher matcher = WISH.matcher(member.strip());
            if (matcher.matches()) {
                int weight = matcher.group(2) == null ? 1 : Integer.parseInt(matcher.group(2));
                named(matcher.group(1)).ifPresent(algorithm -> weights.put(algorithm, weight));
            }
        }
        return weights.entrySet().stream()
                .filter(wish -> wish.getValue() > 0)
                .max(Comparator.comparingInt(Map.Entry::getValue))
                .map(Map.Entry::getKey);
    }

    private static Optional<DigestAlgorithm> named(String wireName) {
        return Arrays.stream(values())
                .filter(algorithm -> algorithm.wireName().equals(wireName))
                .findFirst();
    }

    private static byte[] decoded(String name, String header, String base64) {
        try {
            return Base64.getDecoder().decode(base64);
        } catch (IllegalArgumentException malformed) {
            Refusal refusal = refused(name, header, "its value is no base64");
            refusal.initCause(malformed);
            throw refusal;
        }
    }

    private static Refusal refused(String name, String header, String why) {
        return Refusal.of(ProblemType.INVALID_REQUEST, name + " is \"" + header + "\"; " + why);
    }
}
