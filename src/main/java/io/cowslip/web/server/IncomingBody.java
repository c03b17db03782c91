package io.cowslip.web.server;

import io.cowslip.web.problem.ProblemType;
import io.cowslip.web.problem.Refusal;
import jakarta.servlet.http.HttpServletRequest;
import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import org.jspecify.annotations.Nullable;
import org.springframework.http.HttpHeaders;

/** The body of a request as it comes in, into the caller's own memory. */
public final class IncomingBody {
    /** What {@link #announcedLength} says where nobody knows. */
    public static final long UNKNOWN = -1;

    private final HttpServletRequest request;
    private @Nullable Refusal broken;

    /** @param request whose body nobody has begun to read */
    public IncomingBody(HttpServletRequest request) {
        this.request = request;
    }

    /** Refuses a body that is not the bytes themselves. */
    public static void refuseCoding(HttpServletRequest request) {
        String coding = request.getHeader(HttpHeaders.CONTENT_ENCODING);
        if (coding != null && !coding.strip().equalsIgnoreCase("identity")) {
            throw Refusal.of(
                            ProblemType.UNSUPPORTED_MEDIA_TYPE,
                            "Content-Encoding is \"" + coding + "\"; the body is written as it comes, so it takes none")
                    .with(HttpHeaders.ACCEPT_ENCODING, "identity");
        }
    }

    /** How long the body is going to be, in bytes. */
    public static long announcedLength(HttpServletRequest request) {
        long announced = request.getContentLengthLong();
        boolean bodyless = announced < 0 && request.getHeader(HttpHeaders.TRANSFER_ENCODING) == null;
        return bodyless ? 0 : announced;
    }

    /** Some of the body, at least a byte; -1 at its end. */
    public int read(ByteBuffer into) throws IOException {
        var in = request.getInputStream();
        try {
            return in.read(into);
        } catch (IOException failure) {
            throw Refusal.brokenOff(failure);
        }
    }

    /**
     * Fills {@code into} as far as the body goes. What comes before a connection breaks is returned, and the next call
     * tells of that: so callers go on until nothing more comes.
     *
     * @return bytes; 0 at the end of the body
     */
    public int fillToTheLast(ByteBuffer into) throws IOException {
        if (broken != null) {
            throw broken;
        }
        int filled = 0;
        while (filled < into.capacity()) {
            int count;
            try {
                // A slice each time: Tomcat leaves position and limit around what it read.
                count = read(into.slice(filled, into.capacity() - filled));
            } catch (Refusal refusal) {
                if (filled == 0) {
                    throw refusal;
                }
                broken = refusal;
                return filled;
            }
            if (count < 0) {
                return filled;
            }
            filled += count;
        }
        return filled;
    }

    /** Whether nothing more comes. Reads a byte where something does. */
    public boolean ended() throws IOException {
        InputStream in = request.getInputStream();
        try {
            return in.read() < 0;
        } catch (IOException failure) {
            throw Refusal.brokenOff(failure);
        }
    }
}
