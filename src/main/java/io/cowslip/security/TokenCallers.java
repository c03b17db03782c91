package io.cowslip.security;

import io.cowslip.access.Caller;
import io.cowslip.access.Reach;
import io.cowslip.access.Scope;
import java.util.Arrays;
import java.util.EnumSet;
import java.util.List;
import java.util.Objects;
import java.util.Set;
import org.jspecify.annotations.Nullable;
import org.springframework.core.convert.converter.Converter;
import org.springframework.security.oauth2.jwt.Jwt;
import org.springframework.security.oauth2.server.resource.InvalidBearerTokenException;

/**
 * Who a token stands for: its subject, with the scopes of its claim {@code scope} or {@code scp} that the service knows.
 *
 * @param prefixesClaim the claim that holds the folders of the volumes that there are for the subject; null: all are
 */
record TokenCallers(@Nullable String prefixesClaim) implements Converter<Jwt, CallerAuthentication> {

    @Override
    public CallerAuthentication convert(Jwt token) {
        return new CallerAuthentication(new Caller(name(token), scopes(token), reach(token)));
    }

    private static String name(Jwt token) {
        String subject = token.getSubject();
        return subject == null ? Objects.requireNonNullElse(token.getClaimAsString("client_id"), "token") : subject;
    }

    private static Set<Scope> scopes(Jwt token) {
        List<String> granted = token.hasClaim("scope") ? words(token, "scope") : words(token, "scp");
        Set<Scope> scopes = EnumSet.noneOf(Scope.class);
        for (Scope scope : Scope.values()) {
            if (granted.contains(scope.wireName())) {
                scopes.add(scope);
            }
        }
        return scopes;
    }

    /** A token that was to say what it is good for, and does not, is good for nothing. */
    private Reach reach(Jwt token) {
        if (prefixesClaim == null) {
            return Reach.EVERYWHERE;
        }
        try {
            return Reach.beneath(words(token, prefixesClaim));
        } catch (IllegalArgumentException malformed) {
            throw new InvalidBearerTokenException("The claim " + prefixesClaim + " names no folders", malformed);
        }
    }

    /** A claim that is a list of texts, or one text of words. */
    private static List<String> words(Jwt token, String claim) {
        Object value = token.getClaims().get(claim);
        if (value instanceof String text) {
            return Arrays.stream(text.split(" ", -1))
                    .filter(word -> !word.isEmpty())
                    .toList();
        }
        return value instanceof List<?> list
                ? list.stream().map(String::valueOf).toList()
                : List.of();
    }
}
