package io.cowslip.security;

import java.util.List;
import org.springframework.boot.context.properties.bind.Binder;
import org.springframework.core.env.Environment;

/**
 * How callers are told apart, as far as the configuration says.
 *
 * @param properties with the keys that callers may have
 * @param tokens whether there is somebody whose tokens are taken
 */
record AuthenticationSetup(AccessProperties properties, boolean tokens) {
    private static final String JWT = "spring.security.oauth2.resourceserver.jwt.";
    private static final List<String> ISSUERS = List.of("issuer-uri", "jwk-set-uri", "public-key-location");

    static AuthenticationSetup of(Environment environment) {
        Binder binder = Binder.get(environment);
        return new AuthenticationSetup(
                binder.bindOrCreate("cowslip.security", AccessProperties.class),
                ISSUERS.stream()
                        .anyMatch(name -> binder.bind(JWT + name, String.class).isBound()));
    }

    boolean isWaived() {
        return properties.isWaived();
    }

    boolean isConfigured() {
        return tokens || !properties.apiKeys().isEmpty();
    }
}
