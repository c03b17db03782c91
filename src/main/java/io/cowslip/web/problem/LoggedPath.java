package io.cowslip.web.problem;

import static java.nio.charset.StandardCharsets.UTF_8;

import jakarta.servlet.http.HttpServletRequest;
import java.net.URLDecoder;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** A request's path as it may be logged. Where a ticket stands, which is a secret, its place is named instead. */
final class LoggedPath {
    private static final String TICKET = "/images/{ticket}";

    /** The container leaves encoded slashes as they are. */
    private static final String SLASH = "(?:/|%2[fF])";

    private static final Pattern IMAGE = Pattern.compile(SLASH + "+images" + SLASH + ".*", Pattern.DOTALL);
    private static final Pattern DRIVES_TICKET =
            Pattern.compile(SLASH + "+drives" + SLASH + "+[^/]*" + SLASH + "+tickets" + SLASH + ".*", Pattern.DOTALL);

    /** What looks like a ticket, wherever somebody has put it. */
    private static final Pattern TOKEN = Pattern.compile("(?<![\\w-])[\\w-]{43}(?![\\w-])");

    private LoggedPath() {}

    static String of(HttpServletRequest request) {
        // Decoded, since a path may be spelled in many ways.
        String path = request.getServletPath();
        if (IMAGE.matcher(path).matches()) {
            return TICKET;
        }
        if (DRIVES_TICKET.matcher(path).matches()) {
            return "/drives/{id}/tickets/{ticket}";
        }
        Matcher token = TOKEN.matcher(path);
        return token.find() ? token.replaceAll("{ticket}") : request.getRequestURI();
    }

    /** Whether the query names a key of its caller, however it is spelled. */
    static boolean bearsKey(HttpServletRequest request) {
        String query = request.getQueryString();
        return query != null
                && URLDecoder.decode(query.replace("%", "%25").replaceAll("%25(?=[0-9A-Fa-f]{2})", "%"), UTF_8)
                        .contains("access_token");
    }

    /** Whether what others say of the request may hold a ticket too. */
    static boolean isSecret(HttpServletRequest request) {
        return !of(request).equals(request.getRequestURI());
    }
}
