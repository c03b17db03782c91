package io.cowslip.security;

import io.cowslip.access.AccessRefusedException;
import io.cowslip.access.AccessRefusedException.Reason;
import io.cowslip.access.Scope;
import jakarta.servlet.ServletException;
import jakarta.servlet.http.HttpServletRequest;
import jakarta.servlet.http.HttpServletResponse;
import java.util.function.Supplier;
import java.util.stream.Collectors;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.springframework.security.access.AccessDeniedException;
import org.springframework.security.authentication.AuthenticationServiceException;
import org.springframework.security.authorization.AuthorizationDeniedException;
import org.springframework.security.core.AuthenticationException;
import org.springframework.security.oauth2.core.OAuth2AuthenticationException;
import org.springframework.security.web.AuthenticationEntryPoint;
import org.springframework.security.web.access.AccessDeniedHandler;
import org.springframework.web.servlet.HandlerExceptionResolver;

/**
 * Answers who is not let in, as all failures are answered. Nothing of what the caller presented is repeated: what a token
 * is found wrong by may quote it.
 *
 * @param resolver makes problem documents of failures
 */
record AccessAnswers(Supplier<HandlerExceptionResolver> resolver)
        implements AuthenticationEntryPoint, AccessDeniedHandler {
    private static final Logger log = LoggerFactory.getLogger(AccessAnswers.class);
    private static final String REALM = "Bearer realm=\"cowslip\"";

    @Override
    public void commence(HttpServletRequest request, HttpServletResponse response, AuthenticationException failure)
            throws ServletException {
        answer(
                request,
                response,
                switch (failure) {
                    case AuthenticationServiceException unreachable -> unavailable(unreachable);
                    case TooManyFailuresException many ->
                        AccessRefusedException.tooManyFailures(many.retryAfterSeconds());
                    case OAuth2AuthenticationException refused ->
                        new AccessRefusedException(
                                Reason.UNAUTHENTICATED,
                                "the key or token is not good here: nobody has it, or it has expired, is for another service, or is"
                                        + " signed by somebody else",
                                REALM + ", error=\"invalid_token\"");
                    default ->
                        new AccessRefusedException(
                                Reason.UNAUTHENTICATED,
                                "say who is calling: Authorization: Bearer, and an API key or a token",
                                REALM);
                });
    }

    private static AccessRefusedException unavailable(AuthenticationServiceException unreachable) {
        log.error("Tokens cannot be checked: {}", String.valueOf(unreachable.getMessage()));
        return new AccessRefusedException(
                Reason.UNAVAILABLE, "tokens cannot be checked now: their issuer does not answer", null);
    }

    @Override
    public void handle(HttpServletRequest request, HttpServletResponse response, AccessDeniedException failure)
            throws ServletException {
        answer(request, response, refusal(failure));
    }

    private static AccessRefusedException refusal(AccessDeniedException failure) {
        if (!(failure instanceof AuthorizationDeniedException denied)
                || !(denied.getAuthorizationResult() instanceof RuleDecision decision)
                || !(decision.rule().orElse(null) instanceof Access.AnyOf wanted)) {
            return new AccessRefusedException(Reason.FORBIDDEN, "nobody may do this", null);
        }
        String scopes = wanted.scopes().stream().sorted().map(Scope::wireName).collect(Collectors.joining(" "));
        return new AccessRefusedException(
                Reason.FORBIDDEN,
                "this takes " + (wanted.scopes().size() > 1 ? "one of the scopes " : "the scope ") + scopes
                        + (wanted.wholeService() ? ", and is not for callers with prefixes" : ""),
                AccessRefusedException.insufficientScope(scopes));
    }

    void answer(HttpServletRequest request, HttpServletResponse response, AccessRefusedException refusal)
            throws ServletException {
        if (resolver.get().resolveException(request, response, null, refusal) == null) {
            throw new ServletException(refusal);
        }
    }
}
