package io.cowslip.security;

import io.cowslip.access.Caller;
import org.jspecify.annotations.Nullable;
import org.springframework.security.authentication.AuthenticationManager;
import org.springframework.security.authentication.AuthenticationServiceException;
import org.springframework.security.core.Authentication;
import org.springframework.security.core.AuthenticationException;
import org.springframework.security.oauth2.server.resource.InvalidBearerTokenException;
import org.springframework.security.oauth2.server.resource.authentication.BearerTokenAuthenticationToken;
import org.springframework.security.web.authentication.WebAuthenticationDetails;

/**
 * Tells who calls by what stands behind Bearer: a token (RFC 7519), which has dots in it, or an API key, which has none.
 *
 * <p>Where too many that were not good have come from an address, the signatures of further tokens from there are not
 * checked, and who presents a bad one is told to wait. Who has a good key, or a token that was good before, is let in all
 * the same: several callers may share an address, and none of them is to keep the others out.
 */
final class BearerAuthentication implements AuthenticationManager {
    private static final int MOST_KNOWN_TOKENS = 10_000;

    private final ApiKeys keys;
    private final @Nullable AuthenticationManager tokens;
    private final AuthenticationFailures failures;
    private final KnownTokens known = new KnownTokens(MOST_KNOWN_TOKENS);

    /** @param tokens null: no tokens are taken */
    BearerAuthentication(ApiKeys keys, @Nullable AuthenticationManager tokens, AuthenticationFailures failures) {
        this.keys = keys;
        this.tokens = tokens;
        this.failures = failures;
    }

    @Override
    public Authentication authenticate(Authentication presented) {
        String bearer = ((BearerTokenAuthenticationToken) presented).getToken();
        String address = address(presented);
        long waitSeconds = failures.retryAfterSeconds(address);
        try {
            return bearer.indexOf('.') >= 0 && tokens != null
                    ? byToken(tokens, presented, bearer, waitSeconds)
                    : byKey(bearer);
        } catch (AuthenticationServiceException | TooManyFailuresException noFault) {
            throw noFault;
        } catch (AuthenticationException failure) {
            if (waitSeconds > 0) {
                throw new TooManyFailuresException(waitSeconds);
            }
            failures.failed(address);
            throw failure;
        }
    }

    private Authentication byToken(
            AuthenticationManager checker, Authentication presented, String token, long waitSeconds) {
        if (waitSeconds > 0 && !known.has(token)) {
            throw new TooManyFailuresException(waitSeconds);
        }
        boolean good = false;
        try {
            Authentication caller = checker.authenticate(presented);
            good = true;
            return caller;
        } finally {
            if (good) {
                known.add(token);
            } else {
                known.remove(token);
            }
        }
    }

    private Authentication byKey(String key) {
        Caller caller = keys.find(key);
        if (caller == null) {
            throw new InvalidBearerTokenException("Nobody has this key");
        }
        return new CallerAuthentication(caller);
    }

    private static String address(Authentication presented) {
        return presented.getDetails() instanceof WebAuthenticationDetails web && web.getRemoteAddress() != null
                ? web.getRemoteAddress()
                : "";
    }
}
