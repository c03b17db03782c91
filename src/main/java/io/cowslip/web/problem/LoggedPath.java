package io.cowslip.web.problem;

import jakarta.servlet.http.HttpServletRequest;
import java.util.regex.Pattern;

/** A request's path as it may be logged. Where a ticket stands, which is a secret, its place is named instead. */
final class LoggedPath {
    private static final String TICKET = "/images/{ticket}";
    private static final Pattern IMAGE = Pattern.compile("/+images/.*", Pattern.DOTALL);
    private static final Pattern DRIVES_TICKET = Pattern.compile("/+drives/+[^/]*/+tickets/.*", Pattern.DOTALL);

    private LoggedPath() {}

    static String of(HttpServletRequest request) {
        // Decoded, since a path may be spelled in many ways.
        String path = request.getServletPath();
        if (IMAGE.matcher(path).matches()) {
            return TICKET;
        }
        return DRIVES_TICKET.matcher(path).matches() ? "/drives/{id}/tickets/{ticket}" : request.getRequestURI();
    }

    /** Whether what others say of the request may hold a ticket too. */
    static boolean isSecret(HttpServletRequest request) {
        return !of(request).equals(request.getRequestURI());
    }
}
