package io.cowslip.web.job;

import io.cowslip.job.IdempotencyKey;
import io.cowslip.job.StoredRequest;
import io.cowslip.web.data.DigestAlgorithm;
import io.cowslip.web.problem.ProblemType;
import io.cowslip.web.problem.Refusal;
import java.nio.charset.StandardCharsets;
import java.util.HexFormat;
import org.jspecify.annotations.Nullable;

/** The Idempotency-Key header field of the IETF's draft: a string in quotes, which many clients leave out. */
final class IdempotencyHeader {
    static final String NAME = "Idempotency-Key";

    private static final int MAX_CHARACTERS = 255;

    private IdempotencyHeader() {}

    /** The key, for this request; null where there is none. */
    static @Nullable IdempotencyKey key(@Nullable String field, StoredRequest request) {
        if (field == null) {
            return null;
        }
        String value = unquoted(field.strip());
        if (value.isEmpty() || value.length() > MAX_CHARACTERS) {
            throw Refusal.of(
                    ProblemType.INVALID_REQUEST,
                    "the " + NAME + " has " + value.length() + " characters; it may have 1 to " + MAX_CHARACTERS);
        }
        return new IdempotencyKey(value, fingerprint(request.text()));
    }

    private static String unquoted(String field) {
        boolean quoted = field.length() >= 2 && field.startsWith("\"") && field.endsWith("\"");
        return quoted ? field.substring(1, field.length() - 1) : field;
    }

    /** Passphrases have no part in it: it outlives the service, and whoever reads it could try which one fits. */
    private static String fingerprint(String request) {
        return HexFormat.of()
                .formatHex(DigestAlgorithm.SHA_256.start().digest(request.getBytes(StandardCharsets.UTF_8)));
    }
}
