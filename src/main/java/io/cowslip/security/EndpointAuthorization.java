package io.cowslip.security;

import io.cowslip.access.Caller;
import jakarta.servlet.http.HttpServletRequest;
import java.util.Optional;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;
import org.springframework.http.server.RequestPath;
import org.springframework.security.authorization.AuthorizationManager;
import org.springframework.security.authorization.AuthorizationResult;
import org.springframework.security.core.Authentication;

/** Lets requests in by {@link EndpointRules}, and notes who they are let in as. */
record EndpointAuthorization(EndpointRules rules) implements AuthorizationManager<HttpServletRequest> {
    private static final String CALLER = EndpointAuthorization.class.getName() + ".caller";

    @Override
    public AuthorizationResult authorize(
            Supplier<? extends @Nullable Authentication> authentication, HttpServletRequest request) {
        Optional<Access> rule = rules.find(
                request.getMethod(),
                RequestPath.parse(request.getRequestURI(), request.getContextPath())
                        .pathWithinApplication());
        Caller caller = caller(authentication.get(), request, rule);
        request.setAttribute(CALLER, caller);
        return new RuleDecision(rule.map(access -> access.admits(caller)).orElse(false), rule);
    }

    private static Caller caller(
            @Nullable Authentication authentication, HttpServletRequest request, Optional<Access> rule) {
        if (rule.isPresent() && rule.get() instanceof Access.Ticket) {
            return Caller.ANYONE;
        }
        if (authentication instanceof CallerAuthentication known) {
            return known.caller();
        }
        return LocalSocket.isUsedBy(request) ? Caller.LOCAL : Caller.NOBODY;
    }

    /** Who a request was let in as. */
    static Caller caller(HttpServletRequest request) {
        return (Caller) request.getAttribute(CALLER);
    }
}
