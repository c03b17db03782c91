package io.cowslip.web.data;

import io.cowslip.web.problem.ProblemType;
import io.cowslip.web.problem.Refusal;
import jakarta.servlet.http.HttpServletRequest;
import jakarta.servlet.http.HttpServletResponse;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.security.MessageDigest;
import java.util.Base64;
import java.util.Collections;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.Semaphore;
import org.springframework.http.HttpHeaders;

/**
 * Content-Digest and Want-Content-Digest (RFC 9530). A body with a digest is held in memory until it is verified, which
 * is why its length and the number of such bodies are limited; a wish for a digest is met for answers within the same
 * limits and ignored beyond them.
 */
final class ContentDigests {
    private static final String CONTENT_DIGEST = "Content-Digest";
    private static final String WANT_CONTENT_DIGEST = "Want-Content-Digest";

    private final int limitBytes;
    private final Semaphore held;

    ContentDigests(int limitBytes, int bodies) {
        this.limitBytes = limitBytes;
        this.held = new Semaphore(bodies);
    }

    /** Whether the request's body comes with a digest. */
    boolean sentWith(HttpServletRequest request) {
        return request.getHeader(CONTENT_DIGEST) != null;
    }

    /** Verifies the body, then writes it; returns its length. */
    long writeVerified(ConditionalChange change, WriteBody body, HttpServletRequest request) throws IOException {
        String header = String.join(", ", Collections.list(request.getHeaders(CONTENT_DIGEST)));
        Map<DigestAlgorithm, byte[]> expected = DigestAlgorithm.digests(CONTENT_DIGEST, header);
        if (body.exact() && body.window().length() > limitBytes) {
            throw tooLarge();
        }
        if (!held.tryAcquire()) {
            throw Refusal.of(ProblemType.LIMIT_REACHED, "too many bodies with a Content-Digest are under way")
                    .with(HttpHeaders.RETRY_AFTER, "1");
        }
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment bytes = receive(body, arena);
            verify(bytes, expected);
            if (bytes.byteSize() > 0) {
                change.write(body.window().start(), bytes);
            }
            return bytes.byteSize();
        } finally {
            held.release();
        }
    }

    private MemorySegment receive(WriteBody body, Arena arena) throws IOException {
        long most = Math.min(body.window().length(), limitBytes);
        MemorySegment memory = arena.allocate(Math.max(most, 1));
        int received = body.fill(memory.asSlice(0, most).asByteBuffer());
        if (received == limitBytes && received < body.window().length() && !body.ended()) {
            throw tooLarge();
        }
        body.checkEnd(received);
        return memory.asSlice(0, received);
    }

    private static void verify(MemorySegment bytes, Map<DigestAlgorithm, byte[]> expected) {
        expected.forEach((algorithm, digest) -> {
            byte[] actual = digest(algorithm, bytes.asByteBuffer());
            if (!MessageDigest.isEqual(actual, digest)) {
                throw Refusal.of(
                        ProblemType.DIGEST_MISMATCH,
                        "the body's " + algorithm.wireName() + " is " + base64(actual) + ", Content-Digest says "
                                + base64(digest));
            }
        });
    }

    private Refusal tooLarge() {
        return Refusal.of(
                ProblemType.BODY_TOO_LARGE,
                "a body with Content-Digest takes at most " + limitBytes
                        + " bytes; send it in parts, or without the digest");
    }

    /** Sends the window with the digest that the caller wants; false, and nothing done, where there is to be none. */
    boolean sendVerifiable(ByteView view, ByteWindow window, HttpServletRequest request, HttpServletResponse response)
            throws IOException {
        String wish = request.getHeader(WANT_CONTENT_DIGEST);
        Optional<DigestAlgorithm> wanted = wish == null ? Optional.empty() : DigestAlgorithm.preferred(wish);
        if (wanted.isEmpty() || window.length() == 0 || window.length() > limitBytes || !held.tryAcquire()) {
            return false;
        }
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment bytes = arena.allocate(window.length());
            view.image().read(window.start(), bytes);
            view.requireUnchanged();
            response.setHeader(CONTENT_DIGEST, wanted.get().header(digest(wanted.get(), bytes.asByteBuffer())));
            DirectOutput.of(response).write(bytes.asByteBuffer());
        } finally {
            held.release();
        }
        return true;
    }

    private static byte[] digest(DigestAlgorithm algorithm, ByteBuffer bytes) {
        MessageDigest digest = algorithm.start();
        digest.update(bytes);
        return digest.digest();
    }

    private static String base64(byte[] digest) {
        return Base64.getEncoder().encodeToString(digest);
    }
}
