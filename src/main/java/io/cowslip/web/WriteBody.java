package io.cowslip.web;

import jakarta.servlet.http.HttpServletRequest;
import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import org.springframework.http.HttpHeaders;

/**
 * The body of a write and where on the disk it goes. Made from the headers alone: whatever they give reason to refuse is
 * refused before a byte of the body is read.
 */
final class WriteBody {
    private static final long UNKNOWN = -1;

    private final HttpServletRequest request;
    private final ByteWindow window;
    private final long diskBytes;
    private final boolean exact;

    private WriteBody(HttpServletRequest request, ByteWindow window, long diskBytes, boolean exact) {
        this.request = request;
        this.window = window;
        this.diskBytes = diskBytes;
        this.exact = exact;
    }

    static WriteBody of(HttpServletRequest request, long diskBytes) {
        refuseCoding(request);
        String range = request.getHeader(HttpHeaders.CONTENT_RANGE);
        long length = announcedLength(request);
        ByteWindow window =
                range == null ? atStart(length, diskBytes) : atRange(ContentRange.window(range, diskBytes), length);
        return new WriteBody(request, window, diskBytes, range != null || length != UNKNOWN);
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
            int count = read(into.slice(filled, into.capacity() - filled));
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
        InputStream in = request.getInputStream();
        try {
            return in.read() < 0;
        } catch (IOException broken) {
            throw brokenOff(broken);
        }
    }

    private int read(ByteBuffer into) throws IOException {
        var in = request.getInputStream();
        try {
            return in.read(into);
        } catch (IOException broken) {
            throw brokenOff(broken);
        }
    }

    private static void refuseCoding(HttpServletRequest request) {
        String coding = request.getHeader(HttpHeaders.CONTENT_ENCODING);
        if (coding != null && !coding.strip().equalsIgnoreCase("identity")) {
            throw Refusal.of(
                            ProblemType.UNSUPPORTED_MEDIA_TYPE,
                            "Content-Encoding is \"" + coding + "\"; the body is written as it comes, so it takes none")
                    .with(HttpHeaders.ACCEPT_ENCODING, "identity");
        }
    }

    private static long announcedLength(HttpServletRequest request) {
        long announced = request.getContentLengthLong();
        boolean bodyless = announced < 0 && request.getHeader(HttpHeaders.TRANSFER_ENCODING) == null;
        return bodyless ? 0 : announced;
    }

    private static ByteWindow atStart(long length, long diskBytes) {
        if (length > diskBytes) {
            throw Refusal.offDisk(
                    diskBytes, "the body of " + length + " bytes passes the end of the disk of " + diskBytes);
        }
        return new ByteWindow(0, length == UNKNOWN ? diskBytes : length);
    }

    private static ByteWindow atRange(ByteWindow window, long length) {
        if (length != UNKNOWN && length != window.length()) {
            throw Refusal.of(
                    ProblemType.INVALID_RANGE,
                    "Content-Range is " + window.length() + " bytes long, the body has " + length);
        }
        return window;
    }

    /** The problem of a body that its sender did not finish. */
    static Refusal brokenOff(IOException cause) {
        Refusal refusal = incomplete("the connection broke within the body");
        refusal.initCause(cause);
        return refusal;
    }

    private static Refusal incomplete(String detail) {
        return Refusal.of(ProblemType.INCOMPLETE_BODY, detail);
    }
}
