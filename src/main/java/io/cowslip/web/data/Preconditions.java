package io.cowslip.web.data;

import io.cowslip.web.problem.ProblemType;
import io.cowslip.web.problem.Refusal;
import jakarta.servlet.http.HttpServletRequest;
import java.util.Collections;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.springframework.http.ETag;
import org.springframework.http.HttpHeaders;

/**
 * The conditional headers of a request (RFC 9110, 13) against a resource that exists and has one strong validator.
 * Dates are ignored: nothing here has a Last-Modified.
 */
public final class Preconditions {
    private Preconditions() {}

    /** A validator as the ETag header has it. */
    public static String quoted(String version) {
        return '"' + version + '"';
    }

    /** Whether a change is asked for on condition of some state. */
    static boolean changeDepends(HttpServletRequest request) {
        return request.getHeader(HttpHeaders.IF_MATCH) != null || request.getHeader(HttpHeaders.IF_NONE_MATCH) != null;
    }

    /** Refuses a change that was asked for on condition of another state. */
    public static void checkChange(HttpServletRequest request, String version) {
        checkMatch(request, version);
        if (noneMatchFails(request, version)) {
            throw failed(HttpHeaders.IF_NONE_MATCH, version);
        }
    }

    /** Whether the caller of a GET or HEAD has the state already; refuses one that insists on another state. */
    static boolean notModified(HttpServletRequest request, String version) {
        checkMatch(request, version);
        return noneMatchFails(request, version);
    }

    /** Whether a Range counts: without If-Range always, with it only for the very state it names. */
    static boolean rangeApplies(HttpServletRequest request, String version) {
        String ifRange = request.getHeader(HttpHeaders.IF_RANGE);
        return ifRange == null || ifRange.strip().equals(quoted(version));
    }

    private static void checkMatch(HttpServletRequest request, String version) {
        String header = joined(request, HttpHeaders.IF_MATCH);
        if (header != null
                && tags(header).stream()
                        .noneMatch(tag ->
                                tag.isWildcard() || (!tag.weak() && tag.tag().equals(version)))) {
            throw failed(HttpHeaders.IF_MATCH, version);
        }
    }

    private static boolean noneMatchFails(HttpServletRequest request, String version) {
        String header = joined(request, HttpHeaders.IF_NONE_MATCH);
        return header != null
                && tags(header).stream()
                        .anyMatch(tag -> tag.isWildcard() || tag.tag().equals(version));
    }

    private static List<ETag> tags(String header) {
        return ETag.parse(header);
    }

    private static @Nullable String joined(HttpServletRequest request, String name) {
        if (request.getHeader(name) == null) {
            return null;
        }
        List<String> lines = Collections.list(request.getHeaders(name));
        return String.join(", ", lines);
    }

    private static Refusal failed(String header, String version) {
        return Refusal.of(ProblemType.PRECONDITION_FAILED, header + " does not hold: the ETag is " + quoted(version))
                .with(HttpHeaders.ETAG, quoted(version));
    }
}
