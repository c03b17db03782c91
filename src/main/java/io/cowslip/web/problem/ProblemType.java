package io.cowslip.web.problem;

import java.net.URI;
import java.util.Arrays;
import java.util.Locale;
import java.util.Optional;
import org.springframework.http.HttpStatus;
import org.springframework.http.HttpStatusCode;

/** The kinds of problem that callers may branch on: each with its status and a page that explains it. */
public enum ProblemType {
    INVALID_REQUEST(
            HttpStatus.BAD_REQUEST,
            "The request cannot be understood",
            "A header, a query parameter or the shape of the body is wrong. The detail says which and what it takes."),
    UNREADABLE_JSON(
            HttpStatus.BAD_REQUEST,
            "The body is not the JSON it should be",
            "The body is no JSON, or a value in it has the wrong type. The detail names the place."),
    UNKNOWN_KEY(
            HttpStatus.BAD_REQUEST,
            "The body has a key that nothing is known by",
            "Unknown keys are refused, so that a misspelt option is not silently ignored. The detail lists the known ones."),
    INVALID_OPTION(
            HttpStatus.BAD_REQUEST,
            "An option has a value that it may not have",
            "Options have QEMU's names, meaning and limits. The member \"option\" names the one at fault."),
    UNSUPPORTED_OPTION(
            HttpStatus.BAD_REQUEST,
            "An option is known but not supported yet",
            "QEMU has this option and this service does not act on it yet. It is refused rather than ignored."),
    INVALID_RANGE(
            HttpStatus.BAD_REQUEST,
            "The Content-Range cannot be used",
            "A write takes \"Content-Range: bytes first-last/*\"; the body has exactly that many bytes, and in place of *"
                    + " only the disk's size may stand."),
    INCOMPLETE_BODY(
            HttpStatus.BAD_REQUEST,
            "The body is not as long as announced",
            "The body ended early or went on too long. What came before may have been written; the image is sound."),
    DIGEST_MISMATCH(
            HttpStatus.BAD_REQUEST,
            "The body does not have the digest it was sent with",
            "The bytes that arrived are not those the Content-Digest was made of. Nothing was written."),
    UNAUTHENTICATED(
            HttpStatus.UNAUTHORIZED,
            "Nobody knows who is calling",
            "The service asks who is calling: \"Authorization: Bearer\" takes an API key or a token. One that was sent is not"
                    + " known, has expired or is for another service."),
    FORBIDDEN(
            HttpStatus.FORBIDDEN,
            "The caller may not do this",
            "The key or token is good, and not for this: WWW-Authenticate names the scopes that are missing, if any."),
    CROSS_SITE(
            HttpStatus.FORBIDDEN,
            "The request seems to come from another site's page",
            "While the service asks nobody who they are, it takes no changes from pages of other sites (Origin,"
                    + " Sec-Fetch-Site), and on loopback is called by this machine's names alone (Host)."
                    + " cowslip.security.allowed-hosts takes more."),
    FORBIDDEN_PATH(
            HttpStatus.FORBIDDEN,
            "The file may not be reached",
            "Every name is relative to the image root, and what it stands for, symbolic links followed, lies in it."),
    READ_ONLY(
            HttpStatus.FORBIDDEN,
            "The drive is read-only",
            "The drive was opened with \"read-only\": true: PATCH it to make it writable. Or its image was found corrupt:"
                    + " close the drive and repair the image."),
    KEY_REFUSED(
            HttpStatus.FORBIDDEN,
            "The passphrase is not one of the image's",
            "No key slot of the encrypted image opens with the passphrase given."),
    TICKET_REFUSED(
            HttpStatus.FORBIDDEN,
            "The ticket does not open this",
            "The ticket is not known, has expired or was cancelled, its drive was closed, or it is not for this operation."
                    + " Trying again does not help; POST /drives/{id}/tickets makes another one."),
    NO_SUCH_DRIVE(
            HttpStatus.NOT_FOUND,
            "No such drive",
            "No drive is open under this id. GET /drives lists those that are. The detail says so where the drive"
                    + " could not be opened again after a restart."),
    NO_SUCH_JOB(
            HttpStatus.NOT_FOUND,
            "No such job",
            "No job is known under this id. It may be forgotten: of those that have ended only the last are kept."),
    NO_SUCH_TICKET(
            HttpStatus.NOT_FOUND,
            "No such ticket",
            "The drive has no ticket of this id. It may have expired. GET /drives/{id}/tickets lists those there are."),
    NOT_FOUND(HttpStatus.NOT_FOUND, "Not found", "There is no such resource, or no such file in the image root."),
    METHOD_NOT_ALLOWED(
            HttpStatus.METHOD_NOT_ALLOWED,
            "The resource does not have this method",
            "The Allow header lists the methods that there are."),
    NOT_ACCEPTABLE(
            HttpStatus.NOT_ACCEPTABLE,
            "No representation that the caller accepts",
            "The resource exists, but not in a media type that the Accept header lets through."),
    ID_TAKEN(
            HttpStatus.CONFLICT,
            "The id is taken",
            "A drive is open or a job known under this id. Choose another one, or none."),
    IN_USE(
            HttpStatus.CONFLICT,
            "The file is in use",
            "The file is open as a drive, or another volume in the root backs on it."),
    BUSY(
            HttpStatus.CONFLICT,
            "Somebody else has the file",
            "Another process holds a lock on the image, or the drive is being closed. Try again once it has let go."),
    TICKET_IN_USE(
            HttpStatus.CONFLICT,
            "Requests still use the ticket",
            "The ticket is cancelled, and requests that began before are being broken off. DELETE it again to wait for"
                    + " their end."),
    ALREADY_EXISTS(HttpStatus.CONFLICT, "The file exists", "A new volume never replaces a file. DELETE it first."),
    UPLOAD_OFFSET_MISMATCH(
            HttpStatus.CONFLICT,
            "The upload is at another offset",
            "Bytes are added to the end of an upload: Upload-Offset, in this answer and in that to HEAD, says where that is."
                    + " The members \"expected-offset\" and \"provided-offset\" name both."),
    INCONSISTENT_BITMAP(
            HttpStatus.CONFLICT,
            "The bitmap is inconsistent",
            "Who had the image last did not save the bitmap, so it says nothing any more. It can only be deleted."),
    CANNOT_RESTART(
            HttpStatus.CONFLICT,
            "The job cannot be started again",
            "It has not ended yet, or its request is not known in full: a passphrase in it is not kept. Send the request"
                    + " again."),
    PRECONDITION_FAILED(
            HttpStatus.PRECONDITION_FAILED,
            "A precondition does not hold",
            "The ETag in If-Match or If-None-Match tells that the resource changed meanwhile. GET it again."),
    BODY_TOO_LARGE(
            HttpStatus.CONTENT_TOO_LARGE,
            "The body is too large for what was asked",
            "A body with Content-Digest is held back until it is verified, and so is limited, as JSON bodies are."
                    + " Without a digest the length of a write is not limited. Uploads are as cowslip.uploads.max-size"
                    + " allows."),
    HEAD_TOO_LARGE(
            HttpStatus.REQUEST_HEADER_FIELDS_TOO_LARGE,
            "The request's head is too large",
            "The request line and the header fields together may have as many bytes as server.max-http-request-header-size"
                    + " allows."),
    UNSUPPORTED_MEDIA_TYPE(
            HttpStatus.UNSUPPORTED_MEDIA_TYPE,
            "The body's media type or coding is not taken here",
            "The Accept, Accept-Patch or Accept-Encoding header of the answer tells what is."),
    RANGE_NOT_SATISFIABLE(
            HttpStatus.REQUESTED_RANGE_NOT_SATISFIABLE,
            "The range is not on the disk",
            "A range to read starts past the end, too many ranges were asked for, or a write would pass the end. Nothing"
                    + " was written. \"Content-Range: bytes */size\" tells the size."),
    KEY_REUSED(
            HttpStatus.UNPROCESSABLE_CONTENT,
            "The Idempotency-Key belongs to another request",
            "A key stands for one request and its repetitions. Another request takes another key."),
    INVALID_IMAGE(
            HttpStatus.UNPROCESSABLE_CONTENT,
            "The file is not a sound image",
            "The file is not what the format that it is opened as says it must be. A raw image is opened only with"
                    + " \"format\": \"raw\": raw is never guessed."),
    UNSUPPORTED_FEATURE(
            HttpStatus.UNPROCESSABLE_CONTENT,
            "The image uses a feature that is not supported",
            "The image is sound but needs something that this service does not do."),
    TOO_MANY_REQUESTS(
            HttpStatus.TOO_MANY_REQUESTS,
            "The caller asks too much",
            "Each caller may have so many requests, bytes and jobs, and each address so many keys and tokens that are not good,"
                    + " as cowslip.limits says; the member \"limit\" names the property. Retry-After tells when there is more again, RateLimit how much is left of requests."),
    CORRUPT_IMAGE(
            HttpStatus.INTERNAL_SERVER_ERROR,
            "The image's metadata contradicts itself",
            "The damage was found while the image was open. Writing has stopped; check the image."),
    HOST_IO(
            HttpStatus.INTERNAL_SERVER_ERROR,
            "The host refused a read or a write",
            "The file system under the image root reported an error."),
    INTERNAL(HttpStatus.INTERNAL_SERVER_ERROR, "The service failed", "A defect of the service. Its log has the cause."),
    UNAVAILABLE(
            HttpStatus.SERVICE_UNAVAILABLE,
            "The service is not available",
            "The service is starting or on its way out. Try again later."),
    INTERRUPTED(
            HttpStatus.SERVICE_UNAVAILABLE,
            "The service ended meanwhile",
            "The service ended before the job did. What it was to make is not there, unless all but this note was done."
                    + " POST its /restart to start it again."),
    LIMIT_REACHED(
            HttpStatus.SERVICE_UNAVAILABLE,
            "A limit of the service is reached",
            "The service is configured to do only so much at once. Close a drive, wait for a job, or raise the limit."),
    INSUFFICIENT_STORAGE(
            HttpStatus.INSUFFICIENT_STORAGE,
            "No space is left",
            "The host's file system is full, or the image cannot grow any further.");

    private final HttpStatus status;
    private final String title;
    private final String explanation;

    ProblemType(HttpStatus status, String title, String explanation) {
        this.status = status;
        this.title = title;
        this.explanation = explanation;
    }

    /** The status that such a problem is answered with. */
    public HttpStatus status() {
        return status;
    }

    /** What happened, the same for all problems of the type. */
    public String title() {
        return title;
    }

    /** What it means and what to do about it, for the type's page and the description of the API. */
    public String explanation() {
        return explanation;
    }

    /** The last part of the type's URI. */
    public String wireName() {
        return name().toLowerCase(Locale.ROOT).replace('_', '-');
    }

    /** The problem's {@code type}: where its page is. */
    public URI uri() {
        return URI.create("/problems/" + wireName());
    }

    /** The type for a status that something else than this service's code came to. */
    static ProblemType of(HttpStatusCode status) {
        return switch (status.value()) {
            case 401 -> UNAUTHENTICATED;
            case 404 -> NOT_FOUND;
            case 405 -> METHOD_NOT_ALLOWED;
            case 406 -> NOT_ACCEPTABLE;
            case 413 -> BODY_TOO_LARGE;
            case 415 -> UNSUPPORTED_MEDIA_TYPE;
            case 429 -> TOO_MANY_REQUESTS;
            case 431 -> HEAD_TOO_LARGE;
            case 503 -> UNAVAILABLE;
            default -> status.is4xxClientError() ? INVALID_REQUEST : INTERNAL;
        };
    }

    /** The type that has this {@link #wireName}. */
    public static Optional<ProblemType> named(String wireName) {
        return Arrays.stream(values())
                .filter(type -> type.wireName().equals(wireName))
                .findFirst();
    }
}
