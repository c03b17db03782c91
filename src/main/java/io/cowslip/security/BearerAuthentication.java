package io.cowslip.security;

import io.cowslip.access.Caller;
import org.jspecify.annotations.Nullable;
import org.springframework.security.authentication.AuthenticationManager;
import org.springframework.security.core.Authentication;
import org.springframework.security.oauth2.server.resource.InvalidBearerTokenException;
import org.springframework.security.oauth2.server.resource.authentication.BearerTokenAuthenticationToken;

/**
 * Tells who calls by what stands behind Bearer: a token (RFC 7519), which has dots in it, or an API key, which has none.
 *
 * @param tokens null: no tokens are taken
 */
record BearerAuthentication(ApiKeys keys, @Nullable AuthenticationManager tokens) implements AuthenticationManager {

    @Override
    public Authentication authenticate(Authentication presented) {
        String bearer = ((BearerTokenAuthenticationToken) presented).getToken();
        if (bearer.indexOf('.') >= 0 && tokens != null) {
            return tokens.authenticate(presented);
        }
        Caller caller = keys.find(bearer);
        if (caller == null) {
            throw new InvalidBearerTokenException("Nobody has this key");
        }
        return new CallerAuthentication(caller);
    }
}
