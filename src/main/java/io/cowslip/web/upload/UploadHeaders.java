package io.cowslip.web.upload;

import io.cowslip.drive.upload.UploadStatus;
import io.cowslip.drive.upload.Uploads;
import io.cowslip.web.json.DecimalDigits;
import io.cowslip.web.problem.ProblemType;
import io.cowslip.web.problem.Refusal;
import jakarta.servlet.http.HttpServletRequest;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;
import org.springframework.http.HttpHeaders;

/**
 * The header fields of resumable uploads, as the IETF's draft (draft-ietf-httpbis-resumable-upload) has them: booleans and
 * integers of structured fields.
 */
final class UploadHeaders {
    static final String UPLOAD_OFFSET = "Upload-Offset";
    static final String UPLOAD_LENGTH = "Upload-Length";
    static final String UPLOAD_COMPLETE = "Upload-Complete";
    static final String UPLOAD_LIMIT = "Upload-Limit";

    /** The media type of what PATCH adds. */
    static final String PARTIAL_UPLOAD = "application/partial-upload";

    private static final Pattern INTEGER = Pattern.compile("\\d{1,15}");
    private static final Pattern RANGE = Pattern.compile("bytes (\\d+)-(\\d+)/(\\d+|\\*)");

    private UploadHeaders() {}

    /** A whole Content-Range, which curl sends with {@code -C}; total null: not known. */
    record Part(long start, long end, @Nullable Long total) {}

    static @Nullable Part contentRange(HttpServletRequest request) {
        String header = request.getHeader(HttpHeaders.CONTENT_RANGE);
        if (header == null) {
            return null;
        }
        Matcher matcher = RANGE.matcher(header.strip());
        if (matcher.matches()) {
            long first = DecimalDigits.clamped(matcher.group(1));
            long last = DecimalDigits.clamped(matcher.group(2));
            Long total = matcher.group(3).equals("*") ? null : Long.valueOf(DecimalDigits.clamped(matcher.group(3)));
            if (first <= last && last < Long.MAX_VALUE && (total == null || last < total)) {
                return new Part(first, last + 1, total);
            }
        }
        throw Refusal.of(
                ProblemType.INVALID_RANGE,
                "Content-Range is \"" + header + "\"; it takes \"bytes first-last/total\", within the total");
    }

    /** Null where it is not given. */
    static @Nullable Long integer(HttpServletRequest request, String name) {
        String header = request.getHeader(name);
        if (header == null) {
            return null;
        }
        if (!INTEGER.matcher(header.strip()).matches()) {
            throw Refusal.of(ProblemType.INVALID_REQUEST, name + " is \"" + header + "\"; it takes a number of bytes");
        }
        return Long.valueOf(header.strip());
    }

    /** Null where it is not given. */
    static @Nullable Boolean complete(HttpServletRequest request) {
        String header = request.getHeader(UPLOAD_COMPLETE);
        return switch (header == null ? null : header.strip()) {
            case null -> null;
            case "?1" -> true;
            case "?0" -> false;
            default ->
                throw Refusal.of(
                        ProblemType.INVALID_REQUEST,
                        UPLOAD_COMPLETE + " is \"" + header + "\"; it takes ?1, with the last of the bytes, or ?0");
        };
    }

    /** What uploads are held to. */
    static String limit(Uploads uploads) {
        String age = "max-age=" + uploads.expiry().toSeconds();
        return uploads.maxSizeBytes() == null ? age : "max-size=" + uploads.maxSizeBytes() + ", " + age;
    }

    /** Where an unfinished upload is. */
    static HttpHeaders of(UploadStatus status, Uploads uploads) {
        HttpHeaders headers = new HttpHeaders();
        headers.set(UPLOAD_OFFSET, String.valueOf(status.offsetBytes()));
        headers.set(UPLOAD_COMPLETE, "?0");
        if (status.lengthBytes() != null) {
            headers.set(UPLOAD_LENGTH, String.valueOf(status.lengthBytes()));
        }
        headers.set(UPLOAD_LIMIT, limit(uploads));
        headers.set(HttpHeaders.CACHE_CONTROL, "no-store");
        return headers;
    }
}
