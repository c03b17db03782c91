package io.cowslip.security;

import org.springframework.security.core.AuthenticationException;

/** Too many keys and tokens that were not good came from where this one comes from. */
final class TooManyFailuresException extends AuthenticationException {
    private static final long serialVersionUID = 1;

    private final long retryAfterSeconds;

    TooManyFailuresException(long retryAfterSeconds) {
        super("Too many failures");
        this.retryAfterSeconds = retryAfterSeconds;
    }

    long retryAfterSeconds() {
        return retryAfterSeconds;
    }
}
