package io.cowslip.access;

import org.jspecify.annotations.Nullable;

/** A request that is refused for who makes it, by {@link Reason}. Messages hold no token and no key. */
public final class AccessRefusedException extends RuntimeException {

    /** Why. */
    public enum Reason {
        /** Nobody knows who calls. */
        UNAUTHENTICATED,
        /** It is known who calls, and they may not. */
        FORBIDDEN,
        /** It seems to come from a web page that is not the service's. */
        CROSS_SITE,
        /** Who could tell who calls cannot be asked. */
        UNAVAILABLE
    }

    private static final long serialVersionUID = 1;

    private final Reason reason;
    private final @Nullable String challenge;

    /** @param challenge for the header WWW-Authenticate (RFC 6750); null: none */
    public AccessRefusedException(Reason reason, String message, @Nullable String challenge) {
        super(message);
        this.reason = reason;
        this.challenge = challenge;
    }

    /** The challenge to a caller who lacks these scopes, separated by spaces. */
    public static String insufficientScope(String scopes) {
        return "Bearer realm=\"cowslip\", error=\"insufficient_scope\", scope=\"" + scopes + "\"";
    }

    /** Why the caller is refused; what they are answered depends on it. */
    public Reason reason() {
        return reason;
    }

    /** What the header WWW-Authenticate is to say (RFC 6750); null: nothing. */
    public @Nullable String challenge() {
        return challenge;
    }
}
