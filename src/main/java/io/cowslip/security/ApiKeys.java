package io.cowslip.security;

import io.cowslip.access.Caller;
import io.cowslip.access.Reach;
import io.cowslip.security.AccessProperties.ApiKey;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;
import org.springframework.boot.context.properties.source.InvalidConfigurationPropertyValueException;

/**
 * The callers that have a key. Only SHA-256 of a key is known. That is enough because keys are 256 random bits, which
 * nobody finds by trying; so a slow hash, which would be paid for by each request, adds nothing.
 */
final class ApiKeys {
    private static final String PROPERTY = "cowslip.security.api-keys.";
    private static final Pattern NAME = Pattern.compile("[A-Za-z0-9][A-Za-z0-9._-]{0,63}");
    private static final Pattern DIGEST = Pattern.compile("[0-9a-fA-F]{64}");

    private final List<Entry> entries;

    private record Entry(byte[] digest, Caller caller) {}

    private ApiKeys(List<Entry> entries) {
        this.entries = entries;
    }

    /** @throws InvalidConfigurationPropertyValueException naming what cannot be */
    static ApiKeys of(Map<String, ApiKey> keys) {
        List<Entry> entries = new ArrayList<>();
        keys.forEach((name, key) -> {
            Caller caller = caller(name, key);
            if (key.sha256().isEmpty()) {
                throw refused(name, "sha256", null, "It is missing: the key's SHA-256, as sha256sum prints it.");
            }
            for (String digest : key.sha256()) {
                if (!DIGEST.matcher(digest).matches()) {
                    // It may be the key itself, which belongs in no log.
                    throw refused(
                            name, "sha256", "(not shown)", "It takes 64 hexadecimal digits, as sha256sum prints.");
                }
                entries.add(new Entry(HexFormat.of().parseHex(digest), caller));
            }
        });
        return new ApiKeys(List.copyOf(entries));
    }

    private static Caller caller(String name, ApiKey key) {
        if (!NAME.matcher(name).matches()) {
            throw refused(name, "sha256", name, "A key's name has letters, digits, dots, dashes and underscores.");
        }
        if (key.scopes().isEmpty()) {
            throw refused(name, "scopes", null, "It is missing: some of read, write, manage, monitor.");
        }
        return new Caller(name, key.scopes(), reach(name, key.prefixes()));
    }

    private static Reach reach(String name, @Nullable List<String> prefixes) {
        try {
            return prefixes == null ? Reach.EVERYWHERE : Reach.beneath(prefixes);
        } catch (IllegalArgumentException malformed) {
            InvalidConfigurationPropertyValueException refusal =
                    refused(name, "prefixes", prefixes, "Of these, " + malformed.getMessage() + ".");
            refusal.addSuppressed(malformed);
            throw refusal;
        }
    }

    private static InvalidConfigurationPropertyValueException refused(
            String name, String part, @Nullable Object value, String reason) {
        return new InvalidConfigurationPropertyValueException(PROPERTY + name + "." + part, value, reason);
    }

    /** Whose key this is; null: nobody's. Takes as long whichever it is. */
    @Nullable
    Caller find(String key) {
        byte[] digest = sha256(key);
        Caller found = null;
        for (Entry entry : entries) {
            if (MessageDigest.isEqual(entry.digest, digest)) {
                found = entry.caller;
            }
        }
        return found;
    }

    static byte[] sha256(String key) {
        try {
            return MessageDigest.getInstance("SHA-256").digest(key.getBytes(StandardCharsets.UTF_8));
        } catch (NoSuchAlgorithmException e) {
            throw new IllegalStateException("every JDK has SHA-256", e);
        }
    }
}
