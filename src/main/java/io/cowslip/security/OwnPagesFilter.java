package io.cowslip.security;

import io.cowslip.access.AccessRefusedException;
import io.cowslip.access.AccessRefusedException.Reason;
import jakarta.servlet.Filter;
import jakarta.servlet.FilterChain;
import jakarta.servlet.ServletException;
import jakarta.servlet.ServletRequest;
import jakarta.servlet.ServletResponse;
import jakarta.servlet.http.HttpServletRequest;
import jakarta.servlet.http.HttpServletResponse;
import java.io.IOException;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/**
 * Keeps web pages of others out of a service that asks nobody who they are: a browser on the service's own machine would
 * send their requests as well. What changes something must come from a page of the service's own or from no page (Origin,
 * Sec-Fetch-Site). And on loopback the service is called by a name of this machine: a page whose name is made to stand for
 * this machine (DNS rebinding) has its own name in Host.
 */
final class OwnPagesFilter implements Filter {
    private static final Pattern LOOPBACK = Pattern.compile("localhost|127(\\.\\d{1,3}){3}|\\[::1\\]");
    private static final Set<String> USUAL = Set.of("localhost", "127.0.0.1");
    private static final Set<String> SAFE = Set.of("GET", "HEAD", "OPTIONS");
    private static final Set<String> OWN = Set.of("same-origin", "none");

    private final AccessAnswers answers;
    private final boolean onLoopback;
    private final Set<String> allowedHosts;

    /**
     * @param onLoopback whether the service is to be called by names of this machine alone
     * @param allowedHosts other names that it may be called by, without ports
     */
    OwnPagesFilter(AccessAnswers answers, boolean onLoopback, List<String> allowedHosts) {
        this.answers = answers;
        this.onLoopback = onLoopback;
        this.allowedHosts = allowedHosts.stream()
                .map(name -> name.toLowerCase(Locale.ROOT))
                .collect(Collectors.toUnmodifiableSet());
    }

    @Override
    public void doFilter(ServletRequest request, ServletResponse response, FilterChain chain)
            throws IOException, ServletException {
        HttpServletRequest asked = (HttpServletRequest) request;
        String fault = LocalSocket.isUsedBy(request) ? null : fault(asked);
        if (fault == null) {
            chain.doFilter(request, response);
        } else {
            answers.answer(
                    asked, (HttpServletResponse) response, new AccessRefusedException(Reason.CROSS_SITE, fault, null));
        }
    }

    private @Nullable String fault(HttpServletRequest request) {
        String host = request.getHeader("Host");
        if (onLoopback && host != null && !isOwnName(host)) {
            return "Host is \"" + host
                    + "\"; the service is called by localhost or an address of loopback, or by a name"
                    + " of cowslip.security.allowed-hosts";
        }
        if (SAFE.contains(request.getMethod())) {
            return null;
        }
        String site = request.getHeader("Sec-Fetch-Site");
        if (site != null && !OWN.contains(site)) {
            return "Sec-Fetch-Site is \"" + site + "\"; pages of others change nothing here";
        }
        String origin = request.getHeader("Origin");
        if (origin != null && (host == null || !isOf(origin, host))) {
            return "Origin is \"" + origin + "\"; pages of others change nothing here";
        }
        return null;
    }

    private boolean isOwnName(String host) {
        int end = host.startsWith("[") ? host.indexOf(']') + 1 : host.indexOf(':');
        String name = end <= 0 ? host : host.substring(0, end);
        return USUAL.contains(name) || isOther(name.toLowerCase(Locale.ROOT));
    }

    private boolean isOther(String name) {
        return LOOPBACK.matcher(name).matches() || allowedHosts.contains(name);
    }

    private static boolean isOf(String origin, String host) {
        return origin.equalsIgnoreCase("http://" + host) || origin.equalsIgnoreCase("https://" + host);
    }
}
