package io.cowslip.security;

import java.util.Collections;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Set;

/**
 * Which tokens were good when they were last checked, the most recent ones, by their SHA-256. That says nothing of whether
 * they are good now: it only tells those who have tokens from those who make them up. Any thread.
 */
final class KnownTokens {
    private final Set<String> digests;

    /** @param most how many are remembered */
    KnownTokens(int most) {
        digests = Collections.synchronizedSet(Collections.newSetFromMap(new LinkedHashMap<>(16, 0.75f, true) {
            private static final long serialVersionUID = 1;

            @Override
            protected boolean removeEldestEntry(Map.Entry<String, Boolean> eldest) {
                return size() > most;
            }
        }));
    }

    boolean has(String token) {
        return digests.contains(digest(token));
    }

    void add(String token) {
        digests.add(digest(token));
    }

    void remove(String token) {
        digests.remove(digest(token));
    }

    private static String digest(String token) {
        return HexFormat.of().formatHex(ApiKeys.sha256(token));
    }
}
