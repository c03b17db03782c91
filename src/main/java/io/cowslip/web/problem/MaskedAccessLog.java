package io.cowslip.web.problem;

import java.io.CharArrayWriter;
import java.util.Date;
import java.util.function.BiConsumer;
import org.apache.catalina.connector.Request;
import org.apache.catalina.connector.Response;
import org.apache.catalina.valves.AccessLogValve;

/**
 * Tomcat's access log without the tickets that stand in paths, and without the keys that some clients put into queries
 * (RFC 6750, section 2.3; the service takes none there): wherever a pattern has the request's first line, its path or its
 * query, what leads to a secret is named instead. Public because the container looks at its properties.
 */
public final class MaskedAccessLog extends AccessLogValve {

    @Override
    protected AccessLogElement createAccessLogElement(char pattern) {
        AccessLogElement plain = super.createAccessLogElement(pattern);
        return switch (pattern) {
            case 'r' ->
                new Masked(plain, (line, request) -> {
                    escapeAndAppend(request.getMethod(), line);
                    line.append(' ').append(LoggedPath.of(request)).append(' ');
                    escapeAndAppend(request.getProtocol(), line);
                });
            case 'q' ->
                new Masked(plain, (line, request) -> line.append(request.getQueryString() == null ? "" : "?{query}"));
            case 'U' -> new Masked(plain, (line, request) -> line.append(LoggedPath.of(request)));
            default -> plain;
        };
    }

    /** Browsers send no path of the service along, since it asks them not to; of others nobody knows. */
    @Override
    protected AccessLogElement createAccessLogElement(String name, char pattern) {
        return pattern == 'i' && name.equalsIgnoreCase("Referer")
                ? new StringElement("-")
                : super.createAccessLogElement(name, pattern);
    }

    /** An element as Tomcat writes it, unless a ticket would be in it. */
    private record Masked(AccessLogElement plain, BiConsumer<CharArrayWriter, Request> masked)
            implements AccessLogElement {

        @Override
        public void addElement(CharArrayWriter line, Date date, Request request, Response response, long time) {
            if (isSecret(request)) {
                masked.accept(line, request);
            } else {
                plain.addElement(line, date, request, response, time);
            }
        }

        @Override
        public void addElement(CharArrayWriter line, Request request, Response response, long time) {
            if (isSecret(request)) {
                masked.accept(line, request);
            } else {
                plain.addElement(line, request, response, time);
            }
        }

        private static boolean isSecret(Request request) {
            return request != null
                    && request.getRequestURI() != null
                    && (LoggedPath.isSecret(request) || LoggedPath.bearsKey(request));
        }
    }
}
