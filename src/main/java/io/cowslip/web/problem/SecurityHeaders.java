package io.cowslip.web.problem;

import jakarta.servlet.FilterChain;
import jakarta.servlet.ServletException;
import jakarta.servlet.http.HttpServletRequest;
import jakarta.servlet.http.HttpServletResponse;
import java.io.IOException;
import org.springframework.web.filter.OncePerRequestFilter;

/** Headers that keep browsers from making more of an answer than it is. */
final class SecurityHeaders extends OncePerRequestFilter {
    private static final String POLICY = "Content-Security-Policy";

    /** Nothing that is sent is to be run, or to load anything. */
    private static final String NOTHING =
            "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'";

    /** The pages to click through run their own scripts, ask this service, and set styles as they go. */
    private static final String OWN =
            "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; object-src 'none';"
                    + " frame-ancestors 'none'; base-uri 'none'; form-action 'none'";

    private static final String PAGES = "/swagger-ui";

    static void put(HttpServletResponse response) {
        response.setHeader("X-Content-Type-Options", "nosniff");
        response.setHeader("Referrer-Policy", "no-referrer");
        response.setHeader("X-Frame-Options", "DENY");
        response.setHeader("Cross-Origin-Resource-Policy", "same-origin");
        response.setHeader(POLICY, NOTHING);
    }

    @Override
    protected void doFilterInternal(HttpServletRequest request, HttpServletResponse response, FilterChain chain)
            throws ServletException, IOException {
        put(response);
        if (request.getRequestURI().startsWith(PAGES)) {
            response.setHeader(POLICY, OWN);
        }
        chain.doFilter(request, response);
    }
}
