package io.cowslip.security;

import org.springframework.boot.diagnostics.AbstractFailureAnalyzer;
import org.springframework.boot.diagnostics.FailureAnalysis;

/** Says what to set where the service refuses to listen unprotected. */
final class UnprotectedAddressFailureAnalyzer extends AbstractFailureAnalyzer<UnprotectedAddressException> {

    @Override
    protected FailureAnalysis analyze(Throwable rootFailure, UnprotectedAddressException cause) {
        return new FailureAnalysis(cause.getMessage() + ".", """
                Do one of these:
                  - listen on this machine alone: %s=127.0.0.1
                  - give callers keys: cowslip.security.api-keys.<name>.sha256=<SHA-256 of a key> and
                    cowslip.security.api-keys.<name>.scopes=read,write,manage
                  - take tokens: spring.security.oauth2.resourceserver.jwt.issuer-uri=<https://…> and
                    spring.security.oauth2.resourceserver.jwt.audiences=<the service's name there>
                  - let everybody who reaches the address read, write and delete every image:
                    cowslip.security.authentication=none""".formatted(cause.property()), cause);
    }
}
