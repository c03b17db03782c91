package io.cowslip.web.data;

import io.cowslip.web.problem.ProblemType;
import io.cowslip.web.problem.Refusal;
import io.cowslip.web.server.IncomingBody;
import jakarta.servlet.http.HttpServletRequest;
import java.io.IOException;
import java.nio.ByteBuffer;
import org.springframework.http.HttpHeaders;

/**
 * The body of a write and where on the disk it goes. Made from the headers alone: whatever they give reason to refuse is
 * refused before a byte of the body is read.
 */
final class WriteBody {
    private final IncomingBody body;
    private final ByteWindow window;
    private final long diskBytes;
    private final boolean exact;

    private WriteBody(IncomingBody body, ByteWindow window, long diskBytes, boolean exact) {
        this.body = body;
        this.window = window;
        this.diskBytes = diskBytes;
        this.exact = exact;
    }

    static WriteBody of(HttpServletRequest request, long diskBytes) {
        IncomingBody.refuseCoding(request);
        String range = request.getHeader(HttpHeaders.CONTENT_RANGE);
        long length = IncomingBody.announcedLength(request);
        ByteWindow window =
                range == null ? atStart(length, diskBytes) : atRange(ContentRange.window(range, diskBytes), length);
        return new WriteBody(
                new IncomingBody(request), window, diskBytes, range != null || length != IncomingBody.UNKNOWN);
    }

    /** Where the body goes; where its length is not known, as far as it may go. */
    ByteWindow window() {
        return window;
    }

    /** Whether the body must fill its window: only a chunked one without Content-Range may end anywhere. */
    boolean exact() {
        return exact;
    }

    /** Fills {@code into} as far as the body goes; returns how many bytes that was. */
    int fill(ByteBuffer into) throws IOException {
        int filled = 0;
        while (filled < into.capacity()) {
            // A slice each time: Tomcat leaves position and limit around what it read, the Servlet API says otherwise.
            int count = body.read(into.slice(filled, into.capacity() - filled));
            if (count < 0) {
                return filled;
            }
            filled += count;
        }
        return filled;
    }

    /** Refuses a body that ended before its window did, or that goes on after it. */
    void checkEnd(long received) throws IOException {
        if (received < window.length()) {
            if (exact) {
                throw incomplete("the body ended after " + received + " of " + window.length() + " bytes");
            }
        } else if (!ended()) {
            throw exact
                    ? incomplete("the body goes on after the " + window.length() + " bytes of its Content-Range")
                    : Refusal.offDisk(diskBytes, "the body passes the end of the disk of " + diskBytes + " bytes");
        }
    }

    boolean ended() throws IOException {
        return body.ended();
    }

    private static ByteWindow atStart(long length, long diskBytes) {
        if (length > diskBytes) {
            throw Refusal.offDisk(
                    diskBytes, "the body of " + length + " bytes passes the end of the disk of " + diskBytes);
        }
        return new ByteWindow(0, length == IncomingBody.UNKNOWN ? diskBytes : length);
    }

    private static ByteWindow atRange(ByteWindow window, long length) {
        if (length != IncomingBody.UNKNOWN && length != window.length()) {
            throw Refusal.of(
                    ProblemType.INVALID_RANGE,
                    "Content-Range is " + window.length() + " bytes long, the body has " + length);
        }
        return window;
    }

    private static Refusal incomplete(String detail) {
        return Refusal.of(ProblemType.INCOMPLETE_BODY, detail);
    }
}
