package io.cowslip.web.limit;

import io.cowslip.web.problem.ProblemType;
import io.cowslip.web.problem.Refusal;
import io.cowslip.web.server.IncomingBody;
import jakarta.servlet.FilterChain;
import jakarta.servlet.ReadListener;
import jakarta.servlet.ServletException;
import jakarta.servlet.ServletInputStream;
import jakarta.servlet.http.HttpServletRequest;
import jakarta.servlet.http.HttpServletRequestWrapper;
import jakarta.servlet.http.HttpServletResponse;
import java.io.IOException;
import org.springframework.web.filter.OncePerRequestFilter;
import org.springframework.web.servlet.HandlerExceptionResolver;

/**
 * Bounds bodies that are read into memory, which are all but those of guest bytes and of files. A length that is announced is
 * refused before anything is read, one that is not as soon as it is passed.
 */
final class JsonBodyLimit extends OncePerRequestFilter {
    private final long mostBytes;
    private final HandlerExceptionResolver problems;

    JsonBodyLimit(long mostBytes, HandlerExceptionResolver problems) {
        this.mostBytes = mostBytes;
        this.problems = problems;
    }

    /** What goes past memory is limited otherwise. */
    @Override
    protected boolean shouldNotFilter(HttpServletRequest request) {
        String path = request.getRequestURI();
        return IncomingBody.announcedLength(request) == 0
                || path.startsWith("/files/")
                || path.startsWith("/images/")
                || (path.startsWith("/drives/") && path.endsWith("/data"));
    }

    @Override
    protected void doFilterInternal(HttpServletRequest request, HttpServletResponse response, FilterChain chain)
            throws ServletException, IOException {
        long announced = IncomingBody.announcedLength(request);
        if (announced > mostBytes) {
            problems.resolveException(request, response, null, tooLarge());
        } else if (announced == IncomingBody.UNKNOWN) {
            chain.doFilter(new Counted(request), response);
        } else {
            chain.doFilter(request, response);
        }
    }

    private Refusal tooLarge() {
        return Refusal.of(
                        ProblemType.BODY_TOO_LARGE,
                        "the body has more than the " + mostBytes + " bytes that cowslip.limits.json-body allows")
                .withMember("limit", "cowslip.limits.json-body");
    }

    private final class Counted extends HttpServletRequestWrapper {
        Counted(HttpServletRequest request) {
            super(request);
        }

        @Override
        public ServletInputStream getInputStream() throws IOException {
            return new CountedStream(super.getInputStream());
        }
    }

    private final class CountedStream extends ServletInputStream {
        private final ServletInputStream in;
        private long received;

        CountedStream(ServletInputStream in) {
            this.in = in;
        }

        private int count(int more) {
            received += Math.max(more, 0);
            if (received > mostBytes) {
                throw tooLarge();
            }
            return more;
        }

        @Override
        public int read() throws IOException {
            int read = in.read();
            count(read < 0 ? 0 : 1);
            return read;
        }

        @Override
        public int read(byte[] into, int offset, int length) throws IOException {
            return count(in.read(into, offset, length));
        }

        @Override
        public boolean isFinished() {
            return in.isFinished();
        }

        @Override
        public boolean isReady() {
            return in.isReady();
        }

        @Override
        public void setReadListener(ReadListener listener) {
            in.setReadListener(listener);
        }
    }
}
