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
        UNAVAILABLE,
        /** Too many keys and tokens that were not good came from where it comes from. */
        TOO_MANY_FAILURES
    }

    private static final long serialVersionUID = 1;

    private final Reason reason;
    private final @Nullable String challenge;
    private final long retryAfterSeconds;

    /** @param challenge for the header WWW-Authenticate (RFC 6750); null: none */
    public AccessRefusedException(Reason reason, String message, @Nullable String challenge) {
        this(reason, message, challenge, 0);
    }

    private AccessRefusedException(Reason reason, String message, @Nullable String challenge, long retryAfterSeconds) {
        super(message);
        this.reason = reason;
        this.challenge = challenge;
        this.retryAfterSeconds = retryAfterSeconds;
    }

    /** The refusal of who comes from where too many have failed. */
    public static AccessRefusedException tooManyFailures(long retryAfterSeconds) {
        return new AccessRefusedException(
                Reason.TOO_MANY_FAILURES,
                "too many keys and tokens that are not good here came from this address; those that are good go on",
                null,
                retryAfterSeconds);
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

    /** How long to wait before trying again; 0: that is not known. */
    public long retryAfterSeconds() {
        return retryAfterSeconds;
    }
}
