package io.cowslip.web.upload;

import io.cowslip.drive.upload.UploadDigests;
import io.cowslip.drive.upload.UploadSession;
import io.cowslip.web.data.DigestAlgorithm;
import io.cowslip.web.problem.ProblemType;
import io.cowslip.web.problem.Refusal;
import io.cowslip.web.server.IncomingBody;
import jakarta.servlet.http.HttpServletRequest;
import java.util.Collections;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.TreeSet;
import org.jspecify.annotations.Nullable;
import org.springframework.http.MediaType;

/**
 * What a request adds to an upload: made from its headers alone.
 *
 * @param start where in the file its bytes begin
 * @param end where they end; null: where the body does
 * @param length of the whole file; null: not said
 * @param complete whether these are the last bytes
 * @param contentDigests of these bytes
 * @param reprDigests of the whole file
 * @param wanted the digest of the whole file that the answer is to tell
 */
record UploadPart(
        long start,
        @Nullable Long end,
        @Nullable Long length,
        boolean complete,
        Map<DigestAlgorithm, byte[]> contentDigests,
        Map<DigestAlgorithm, byte[]> reprDigests,
        Optional<DigestAlgorithm> wanted) {

    private static final String CONTENT_DIGEST = "Content-Digest";
    private static final String REPR_DIGEST = "Repr-Digest";

    /** A whole file, the first of it, or what Content-Range says. */
    static UploadPart ofPut(HttpServletRequest request) {
        UploadHeaders.Part range = UploadHeaders.contentRange(request);
        Boolean said = UploadHeaders.complete(request);
        Long length = UploadHeaders.integer(request, UploadHeaders.UPLOAD_LENGTH);
        if (range == null) {
            return of(request, 0, null, length, said == null || said);
        }
        if (length != null && range.total() != null && !length.equals(range.total())) {
            throw inconsistent("Content-Range says " + range.total(), length);
        }
        Long total = range.total() == null ? length : range.total();
        boolean last = said == null ? total != null && range.end() == total : said;
        return of(request, range.start(), range.end(), total, last);
    }

    /** What the IETF's draft adds to an upload. */
    static UploadPart ofPatch(HttpServletRequest request) {
        Long offset = UploadHeaders.integer(request, UploadHeaders.UPLOAD_OFFSET);
        Boolean complete = UploadHeaders.complete(request);
        if (offset == null || complete == null) {
            throw Refusal.of(
                    ProblemType.INVALID_REQUEST,
                    (offset == null ? UploadHeaders.UPLOAD_OFFSET : UploadHeaders.UPLOAD_COMPLETE)
                            + " is missing; PATCH takes Upload-Offset, as HEAD tells it, and Upload-Complete, ?1 with the"
                            + " last of the bytes or ?0");
        }
        Long length = UploadHeaders.integer(request, UploadHeaders.UPLOAD_LENGTH);
        return of(request, offset, null, length, complete);
    }

    /** Refuses a PATCH of another media type. */
    static void requirePartialUpload(HttpServletRequest request) {
        String bare = mediaType(request);
        if (!bare.equalsIgnoreCase(UploadHeaders.PARTIAL_UPLOAD)) {
            throw Refusal.of(
                            ProblemType.UNSUPPORTED_MEDIA_TYPE,
                            "Content-Type is \"" + bare + "\"; PATCH takes " + UploadHeaders.PARTIAL_UPLOAD)
                    .with("Accept-Patch", UploadHeaders.PARTIAL_UPLOAD);
        }
    }

    /** Refuses what is plainly meant for another resource. */
    static void refuseJson(HttpServletRequest request) {
        if (mediaType(request).equalsIgnoreCase(MediaType.APPLICATION_JSON_VALUE)) {
            throw Refusal.of(
                    ProblemType.UNSUPPORTED_MEDIA_TYPE,
                    "Content-Type is application/json; the body becomes the file as it is: an empty volume is created by PUT"
                            + " /volumes");
        }
    }

    private static String mediaType(HttpServletRequest request) {
        String type = request.getContentType();
        return type == null ? "" : type.split(";", 2)[0].strip();
    }

    private static UploadPart of(
            HttpServletRequest request, long start, @Nullable Long rangeEnd, @Nullable Long length, boolean complete) {
        IncomingBody.refuseCoding(request);
        long announced = IncomingBody.announcedLength(request);
        Long end = announced == IncomingBody.UNKNOWN ? rangeEnd : Long.valueOf(start + announced);
        if (end != null && rangeEnd != null && !end.equals(rangeEnd)) {
            throw Refusal.of(
                    ProblemType.INVALID_RANGE,
                    "Content-Range is " + (rangeEnd - start) + " bytes long, the body has " + announced);
        }
        if (end != null && length != null && (complete ? end != (long) length : end > length)) {
            throw inconsistent("the bytes sent end at " + end, length);
        }
        return new UploadPart(
                start,
                end,
                length == null && complete ? end : length,
                complete,
                digests(request, CONTENT_DIGEST),
                digests(request, REPR_DIGEST),
                Optional.ofNullable(request.getHeader("Want-" + REPR_DIGEST)).flatMap(DigestAlgorithm::preferred));
    }

    private static Refusal inconsistent(String what, long length) {
        return Refusal.of(ProblemType.INVALID_REQUEST, what + ", " + UploadHeaders.UPLOAD_LENGTH + " is " + length);
    }

    private static Map<DigestAlgorithm, byte[]> digests(HttpServletRequest request, String name) {
        return request.getHeader(name) == null
                ? Map.of()
                : DigestAlgorithm.digests(name, String.join(", ", Collections.list(request.getHeaders(name))));
    }

    /** Begins what is needed of digests of the whole file, where its first byte is still to come. */
    void beginDigests(UploadSession session) {
        TreeSet<String> algorithms = new TreeSet<>();
        reprDigests.keySet().forEach(algorithm -> algorithms.add(algorithm.javaName()));
        wanted.ifPresent(algorithm -> algorithms.add(algorithm.javaName()));
        if (!algorithms.isEmpty()) {
            session.beginDigests(UploadDigests.of(algorithms));
        }
    }

    /** Refuses what does not fit what is known of the upload. */
    void requireFitting(UploadSession session) {
        if (start != session.offset()) {
            throw Refusal.of(
                            ProblemType.UPLOAD_OFFSET_MISMATCH,
                            "the upload has " + session.offset() + " bytes, and the request goes on from " + start)
                    .with(UploadHeaders.UPLOAD_OFFSET, String.valueOf(session.offset()))
                    .withMember("expected-offset", session.offset())
                    .withMember("provided-offset", start);
        }
        if (length != null && length < start) {
            throw inconsistent("the upload has " + start + " bytes already", length);
        }
        Long known = session.length();
        if (known == null) {
            return;
        }
        if (length != null && !Objects.equals(length, known)) {
            throw inconsistent("the upload was to have " + known + " bytes", length);
        }
        if (end != null && (complete ? end != (long) known : end > known)) {
            throw inconsistent("the bytes sent end at " + end, known);
        }
    }

    /** Refuses the last bytes where there were to be more, as only the end of a body of unknown length tells. */
    void requireLast(UploadSession session) {
        Long known = session.length();
        if (complete && known != null && session.offset() != known) {
            throw Refusal.of(
                    ProblemType.INCOMPLETE_BODY,
                    "the body with the last of the bytes ended at " + session.offset() + ", the upload was to have "
                            + known + "; what came is kept");
        }
    }

    /** Refuses a body that the request says something else of. */
    void requireWhole(long received) {
        if (end != null && start + received < end) {
            throw Refusal.of(
                    ProblemType.INCOMPLETE_BODY,
                    "the body ended after " + received + " of " + (end - start) + " bytes; what came is kept");
        }
    }
}
