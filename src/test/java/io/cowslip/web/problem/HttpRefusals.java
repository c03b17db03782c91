package io.cowslip.web.problem;

import io.cowslip.fuzz.Hostile;
import tools.jackson.core.JacksonException;

/** Requests that are taken, or refused with a problem of 4xx that says what is wrong. */
public final class HttpRefusals {
    private HttpRefusals() {}

    /** Fails where {@code parsing} fails in any other way. */
    public static void taken(Runnable parsing) {
        Hostile.within(() -> {
            try {
                parsing.run();
            } catch (Refusal | JacksonException refused) {
                Refusal refusal = ApiProblems.problem(refused, path -> path.toString());
                if (!refusal.type().status().is4xxClientError()
                        || String.valueOf(refusal.getMessage()).isBlank()) {
                    throw new AssertionError("refused as " + refusal.type(), refused);
                }
            }
        });
    }
}
