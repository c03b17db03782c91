package io.cowslip.web.upload;

import io.cowslip.drive.upload.UploadDigests;
import io.cowslip.drive.upload.UploadRules;
import io.cowslip.drive.upload.UploadSession;
import io.cowslip.drive.upload.Uploads;
import io.cowslip.drive.work.Conversion.Target;
import io.cowslip.drive.work.Imports.Import;
import io.cowslip.engine.image.ImageInfo;
import io.cowslip.job.JobRequest;
import io.cowslip.web.data.DigestAlgorithm;
import io.cowslip.web.data.TransferBuffers;
import io.cowslip.web.data.TransferBuffers.Buffer;
import io.cowslip.web.problem.ProblemType;
import io.cowslip.web.problem.Refusal;
import io.cowslip.web.server.IncomingBody;
import jakarta.servlet.http.HttpServletRequest;
import java.io.IOException;
import java.security.MessageDigest;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/**
 * Bodies that become volumes: from the socket straight to the host, through one buffer, and nothing long after the last
 * byte. A body that breaks off leaves what came, for the next request to go on from; but one with a Content-Digest counts
 * only whole.
 */
final class FileUploads {
    private final Uploads uploads;
    private final TransferBuffers buffers;

    FileUploads(Uploads uploads, TransferBuffers buffers) {
        this.uploads = uploads;
        this.buffers = buffers;
    }

    /** What came of a request. */
    sealed interface Outcome {

        /** More is to come. */
        record Arriving(long offset, @Nullable Long length) implements Outcome {}

        /**
         * The volume is there.
         *
         * @param chain its facts and those of the chain below it
         * @param digest of its file, as a header has it; null: nobody asked
         */
        record Published(
                List<ImageInfo> chain,
                long offset,
                @Nullable String digest) implements Outcome {}

        /** All bytes are there, and what is left to do takes long. */
        record Left(JobRequest.ImportUpload work, long offset) implements Outcome {}
    }

    /** Begins an upload, or goes on with it where the part says so. */
    Outcome put(String name, UploadPart part, UploadRules rules, @Nullable Target target, HttpServletRequest request)
            throws IOException {
        boolean anew = part.start() == 0;
        try (UploadSession session = anew ? uploads.begin(name, rules, part.length()) : uploads.resume(name, rules)) {
            boolean received = false;
            try {
                receive(session, part, request);
                received = true;
            } finally {
                // A request that began nothing has done nothing.
                if (!received && anew && session.offset() == 0 && !session.isGone()) {
                    session.discard();
                }
            }
            return finish(session, part, rules, target);
        }
    }

    /** Goes on with an upload. */
    Outcome append(String name, UploadPart part, UploadRules rules, @Nullable Target target, HttpServletRequest request)
            throws IOException {
        try (UploadSession session = uploads.resume(name, rules)) {
            receive(session, part, request);
            return finish(session, part, rules, target);
        }
    }

    private void receive(UploadSession session, UploadPart part, HttpServletRequest request) throws IOException {
        part.requireFitting(session);
        part.beginDigests(session);
        if (part.length() != null) {
            session.announceLength(part.length());
        }
        IncomingBody body = new IncomingBody(request);
        if (part.contentDigests().isEmpty()) {
            part.requireWhole(copy(session, part, UploadDigests.of(Set.of()), body));
        } else {
            receiveVerified(session, part, body);
        }
        part.requireLast(session);
    }

    private void receiveVerified(UploadSession session, UploadPart part, IncomingBody body) throws IOException {
        UploadSession.Mark mark = session.hold();
        UploadDigests digests = UploadDigests.of(part.contentDigests().keySet().stream()
                .map(DigestAlgorithm::javaName)
                .collect(Collectors.toSet()));
        boolean verified = false;
        try {
            part.requireWhole(copy(session, part, digests, body));
            requireEqual(part.contentDigests(), digests, "body");
            session.verified();
            verified = true;
        } finally {
            if (!verified && !session.isGone()) {
                session.goBack(mark);
            }
        }
    }

    /** Returns how many bytes came. Each write but the first begins at a multiple of the buffer's size. */
    private long copy(UploadSession session, UploadPart part, UploadDigests digests, IncomingBody body)
            throws IOException {
        long received = 0;
        Long end = part.end() == null ? session.length() : part.end();
        try (Buffer buffer = buffers.take()) {
            long step = step(part.start(), end, buffer.sizeBytes());
            while (step > 0) {
                int count = body.fillToTheLast(buffer.view(step));
                if (count == 0) {
                    return received;
                }
                session.append(buffer.memory(count));
                digests.update(buffer.memory(count));
                received += count;
                step = step(part.start() + received, end, buffer.sizeBytes());
            }
        }
        if (!body.ended()) {
            throw Refusal.of(
                    ProblemType.INCOMPLETE_BODY,
                    "the body goes on after the " + received + " bytes that were announced");
        }
        return received;
    }

    private static long step(long position, @Nullable Long end, long bufferBytes) {
        long toBoundary = bufferBytes - position % bufferBytes;
        return end == null ? toBoundary : Math.min(toBoundary, end - position);
    }

    private static void requireEqual(Map<DigestAlgorithm, byte[]> expected, UploadDigests actual, String what) {
        expected.forEach((algorithm, digest) -> {
            byte[] found = actual.of(algorithm.javaName());
            if (found != null && !MessageDigest.isEqual(found, digest)) {
                throw Refusal.of(
                        ProblemType.DIGEST_MISMATCH,
                        "the " + what + "'s " + algorithm.header(found) + " is not " + algorithm.header(digest));
            }
        });
    }

    /** What is answered of is durable before the answer is made. */
    private static Outcome finish(UploadSession session, UploadPart part, UploadRules rules, @Nullable Target target)
            throws IOException {
        if (!part.complete()) {
            session.settle();
            return new Outcome.Arriving(session.offset(), session.length());
        }
        session.announceLength(session.offset());
        UploadDigests known = session.digests();
        if (known != null) {
            verify(session, part, known);
        }
        Map<String, byte[]> unverified = new LinkedHashMap<>();
        part.reprDigests().forEach((algorithm, digest) -> {
            if (known == null || known.of(algorithm.javaName()) == null) {
                unverified.put(algorithm.javaName(), digest);
            }
        });
        long offset = session.offset();
        if (target != null || !unverified.isEmpty()) {
            session.settle();
            Import work = new Import(session.name(), rules, unverified, target);
            return new Outcome.Left(new JobRequest.ImportUpload(work), offset);
        }
        return new Outcome.Published(session.publish(), offset, wanted(part, known));
    }

    /** Bytes that are not the ones that were meant are of no use to anybody. */
    private static void verify(UploadSession session, UploadPart part, UploadDigests known) throws IOException {
        boolean equal = false;
        try {
            requireEqual(part.reprDigests(), known, "file");
            equal = true;
        } finally {
            if (!equal) {
                session.discard();
            }
        }
    }

    private static @Nullable String wanted(UploadPart part, @Nullable UploadDigests known) {
        return part.wanted()
                .map(algorithm -> {
                    byte[] digest = known == null ? null : known.of(algorithm.javaName());
                    return digest == null ? null : algorithm.header(digest);
                })
                .orElse(null);
    }
}
