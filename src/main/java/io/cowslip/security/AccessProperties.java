package io.cowslip.security;

import io.cowslip.access.Scope;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;
import org.springframework.boot.context.properties.ConfigurationProperties;
import org.springframework.boot.context.properties.bind.DefaultValue;

/**
 * Who may call the service.
 *
 * @param authentication Whether the service may be reached from other machines without asking who calls: none waives that.
 * @param apiKeys Keys that callers may have, by the name that the audit log has for them.
 * @param allowedHosts Names besides localhost that a browser may call the service by while it asks nobody who they are.
 * @param jwt How tokens are read.
 */
@ConfigurationProperties("cowslip.security")
record AccessProperties(
        @DefaultValue("auto") Waiver authentication,
        @DefaultValue Map<String, ApiKey> apiKeys,
        @DefaultValue List<String> allowedHosts,
        @DefaultValue Jwt jwt) {

    /** Whether authentication is waived. */
    enum Waiver {
        /** Callers are asked who they are as soon as there is a way to tell, and beyond loopback there must be one. */
        AUTO,
        /** Nobody is asked, wherever the service listens. */
        NONE
    }

    /**
     * A key that a caller may have.
     *
     * @param sha256 SHA-256 of the key, in hexadecimal digits; two while it is being replaced.
     * @param scopes What it is good for.
     * @param prefixes Folders of the volumes that it is good for; all where none is given.
     */
    record ApiKey(
            @DefaultValue List<String> sha256,
            @DefaultValue Set<Scope> scopes,
            @Nullable List<String> prefixes) {}

    /**
     * How tokens are read.
     *
     * @param prefixesClaim The claim that holds the folders of the volumes that a token is good for; where it is named, a
     *     token without it reaches none.
     */
    record Jwt(@Nullable String prefixesClaim) {}

    boolean isWaived() {
        return authentication == Waiver.NONE;
    }
}
