package io.cowslip.web.problem;

import io.cowslip.access.AccessRefusedException;
import io.cowslip.drive.DriveException;
import io.cowslip.drive.DriveId;
import io.cowslip.drive.LimitObserver;
import io.cowslip.drive.volume.Volumes;
import io.cowslip.engine.ImageException;
import io.cowslip.job.JobException;
import io.cowslip.job.JobId;
import io.cowslip.ticket.TicketException;
import jakarta.servlet.http.HttpServletRequest;
import jakarta.servlet.http.HttpServletResponse;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.EnumSet;
import java.util.Objects;
import java.util.Set;
import java.util.function.Function;
import org.apache.catalina.connector.ClientAbortException;
import org.apache.tomcat.util.http.InvalidParameterException;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.springframework.beans.TypeMismatchException;
import org.springframework.beans.factory.ObjectProvider;
import org.springframework.http.HttpHeaders;
import org.springframework.http.HttpStatusCode;
import org.springframework.http.MediaType;
import org.springframework.http.ProblemDetail;
import org.springframework.http.ResponseEntity;
import org.springframework.http.converter.HttpMessageNotReadableException;
import org.springframework.web.ErrorResponse;
import org.springframework.web.bind.annotation.ExceptionHandler;
import org.springframework.web.bind.annotation.RestControllerAdvice;
import org.springframework.web.context.request.ServletWebRequest;
import org.springframework.web.context.request.WebRequest;
import org.springframework.web.servlet.mvc.method.annotation.ResponseEntityExceptionHandler;
import tools.jackson.core.JacksonException;

/**
 * The one place where failures become answers: problems as RFC 9457 has them. Nothing of the host's paths or of the
 * code's insides is told. An answer that has begun already is not mended: the failure goes on to the container, which
 * breaks the connection, so that no caller takes half of the data for all of it.
 */
@RestControllerAdvice
public class ApiProblems extends ResponseEntityExceptionHandler {
    private static final Logger log = LoggerFactory.getLogger(ApiProblems.class);

    private static final Set<ProblemType> LIMITS = EnumSet.of(
            ProblemType.LIMIT_REACHED,
            ProblemType.TOO_MANY_REQUESTS,
            ProblemType.BODY_TOO_LARGE,
            ProblemType.INSUFFICIENT_STORAGE);

    private final Volumes volumes;
    private final ObjectProvider<LimitObserver> limits;

    /** A full disk refuses every write there is: nobody needs a line for each. */
    private final RareWarning fullDisks = new RareWarning(Duration.ofMinutes(1), System::nanoTime);

    ApiProblems(Volumes volumes, ObjectProvider<LimitObserver> limits) {
        this.volumes = volumes;
        this.limits = limits;
    }

    @ExceptionHandler
    @Nullable
    ResponseEntity<Object> answer(Exception failure, HttpServletRequest request, HttpServletResponse response)
            throws Exception {
        if (response.isCommitted()) {
            // The container answers a body that it cannot parse by itself, and says committed before it has done so.
            if (failure instanceof Refusal) {
                return null;
            }
            if (isNoFault(failure)) {
                log.debug("{} {} was broken off", request.getMethod(), LoggedPath.of(request), failure);
                ContainerProblems.breakOff(request);
                return null;
            }
            throw failure;
        }
        Refusal problem = problem(failure, volumes::relativeName);
        note(problem.type(), failure, request);
        if (LIMITS.contains(problem.type())) {
            limits.forEach(observer -> observer.refused(limit(problem)));
        }
        startOver(response);
        return entity(problem);
    }

    /** Whether an answer ends early because of what a caller did, to a ticket, a drive or the connection. */
    private static boolean isNoFault(Exception failure) {
        return failure instanceof TicketException
                || failure instanceof DriveException
                || failure instanceof ClientAbortException;
    }

    /** From failure to problem: the switch. Files are named as {@code relativeName} does. */
    public static Refusal problem(Exception failure, Function<Path, String> relativeName) {
        return switch (failure) {
            case Refusal refusal -> refusal;
            case ImageException image -> Refusal.of(type(image.kind()), image.option(), detail(image, relativeName));
            case DriveException drive -> Refusal.of(type(drive.reason()), String.valueOf(drive.getMessage()));
            case TicketException ticket -> Refusal.of(type(ticket.reason()), String.valueOf(ticket.getMessage()));
            case AccessRefusedException access -> refusal(access);
            case JobException job -> Refusal.of(type(job.reason()), String.valueOf(job.getMessage()));
            case JacksonException malformed -> JsonFaults.problem(malformed);
            case UncheckedIOException wrapped -> problem(Objects.requireNonNull(wrapped.getCause()), relativeName);
            case ClientAbortException broken -> Refusal.brokenOff(broken);
            case InvalidParameterException malformed ->
                Refusal.of(ProblemType.INVALID_REQUEST, "the query cannot be decoded");
            case IOException host -> Refusal.of(ProblemType.HOST_IO, "the host refused; the service's log says why");
            default -> Refusal.of(ProblemType.INTERNAL, "the service failed; its log says why");
        };
    }

    private static ProblemType type(ImageException.Kind kind) {
        return switch (kind) {
            case IO -> ProblemType.HOST_IO;
            case INVALID_FORMAT -> ProblemType.INVALID_IMAGE;
            case UNSUPPORTED_FEATURE -> ProblemType.UNSUPPORTED_FEATURE;
            case CORRUPT -> ProblemType.CORRUPT_IMAGE;
            case INVALID_OPTION -> ProblemType.INVALID_OPTION;
            case OUT_OF_RANGE -> ProblemType.RANGE_NOT_SATISFIABLE;
            case NO_SPACE -> ProblemType.INSUFFICIENT_STORAGE;
            case READ_ONLY -> ProblemType.READ_ONLY;
            case BUSY -> ProblemType.BUSY;
            case INCONSISTENT_BITMAP -> ProblemType.INCONSISTENT_BITMAP;
            case NOT_FOUND -> ProblemType.NOT_FOUND;
            case ALREADY_EXISTS -> ProblemType.ALREADY_EXISTS;
            case FORBIDDEN -> ProblemType.FORBIDDEN_PATH;
            case KEY_REFUSED -> ProblemType.KEY_REFUSED;
        };
    }

    private static ProblemType type(DriveException.Reason reason) {
        return switch (reason) {
            case NO_SUCH_DRIVE -> ProblemType.NO_SUCH_DRIVE;
            case ID_TAKEN -> ProblemType.ID_TAKEN;
            case IN_USE -> ProblemType.IN_USE;
            case CLOSING -> ProblemType.BUSY;
            case UNAVAILABLE -> ProblemType.UNAVAILABLE;
            case LIMIT_REACHED -> ProblemType.LIMIT_REACHED;
            case NO_SUCH_UPLOAD -> ProblemType.NOT_FOUND;
            case TOO_LARGE -> ProblemType.BODY_TOO_LARGE;
            case DIGEST_MISMATCH -> ProblemType.DIGEST_MISMATCH;
        };
    }

    private static ProblemType type(JobException.Reason reason) {
        return switch (reason) {
            case NO_SUCH_JOB -> ProblemType.NO_SUCH_JOB;
            case ID_TAKEN -> ProblemType.ID_TAKEN;
            case KEY_REUSED -> ProblemType.KEY_REUSED;
            case CANNOT_RESTART -> ProblemType.CANNOT_RESTART;
            case INTERRUPTED -> ProblemType.INTERRUPTED;
            case LIMIT_REACHED -> ProblemType.LIMIT_REACHED;
            case UNAVAILABLE -> ProblemType.UNAVAILABLE;
        };
    }

    private static Refusal refusal(AccessRefusedException access) {
        Refusal refusal = Refusal.of(type(access.reason()), String.valueOf(access.getMessage()));
        if (access.reason() == AccessRefusedException.Reason.TOO_MANY_FAILURES) {
            return refusal.withMember("limit", "cowslip.limits.authentication-failures-per-second")
                    .with(HttpHeaders.RETRY_AFTER, String.valueOf(access.retryAfterSeconds()));
        }
        return access.challenge() == null ? refusal : refusal.with(HttpHeaders.WWW_AUTHENTICATE, access.challenge());
    }

    private static ProblemType type(AccessRefusedException.Reason reason) {
        return switch (reason) {
            case UNAUTHENTICATED -> ProblemType.UNAUTHENTICATED;
            case FORBIDDEN -> ProblemType.FORBIDDEN;
            case CROSS_SITE -> ProblemType.CROSS_SITE;
            case UNAVAILABLE -> ProblemType.UNAVAILABLE;
            case TOO_MANY_FAILURES -> ProblemType.TOO_MANY_REQUESTS;
        };
    }

    private static ProblemType type(TicketException.Reason reason) {
        return switch (reason) {
            case REFUSED -> ProblemType.TICKET_REFUSED;
            case NO_SUCH_TICKET -> ProblemType.NO_SUCH_TICKET;
            case IN_USE -> ProblemType.TICKET_IN_USE;
            case LIMIT_REACHED -> ProblemType.LIMIT_REACHED;
            case UNAVAILABLE -> ProblemType.UNAVAILABLE;
        };
    }

    private static String detail(ImageException failure, Function<Path, String> relativeName) {
        String message = String.valueOf(failure.getMessage());
        return failure.path() == null ? message : relativeName.apply(failure.path()) + ": " + message;
    }

    /** The limit, as meters have it: the property's last part where that is known, or else the problem's name. */
    private static String limit(Refusal problem) {
        return problem.members().get("limit") instanceof String property
                ? property.substring(property.lastIndexOf('.') + 1)
                : problem.type().wireName();
    }

    private void note(ProblemType type, Exception failure, HttpServletRequest request) {
        if (type == ProblemType.INSUFFICIENT_STORAGE) {
            fullDisks.warn(log, "{} {}: {}", request.getMethod(), LoggedPath.of(request), failure.getMessage());
        } else if (type.status().is5xxServerError() && !isRefusal(type)) {
            log.error("{} {} failed", request.getMethod(), LoggedPath.of(request), failure);
        } else {
            log.debug("{} {} was refused", request.getMethod(), LoggedPath.of(request), failure);
        }
    }

    /** What the service refuses on purpose, however often it is asked, is no failure of its own. */
    private static boolean isRefusal(ProblemType type) {
        return type == ProblemType.LIMIT_REACHED || type == ProblemType.UNAVAILABLE;
    }

    /** Takes back the headers of the answer that did not come about. */
    private static void startOver(HttpServletResponse response) {
        response.reset();
        SecurityHeaders.put(response);
    }

    static ResponseEntity<Object> entity(Refusal problem) {
        ProblemDetail body =
                ProblemDetail.forStatusAndDetail(problem.type().status(), String.valueOf(problem.getMessage()));
        body.setType(problem.type().uri());
        body.setTitle(problem.type().title());
        if (problem.option() != null) {
            body.setProperty("option", problem.option());
        }
        problem.members().forEach(body::setProperty);
        return ResponseEntity.status(problem.type().status())
                .headers(problem.headers())
                .contentType(MediaType.APPLICATION_PROBLEM_JSON)
                .body(body);
    }

    @Override
    protected @Nullable ResponseEntity<Object> handleHttpMessageNotReadable(
            HttpMessageNotReadableException failure, HttpHeaders headers, HttpStatusCode status, WebRequest request) {
        Refusal problem = failure.getCause() instanceof JacksonException malformed
                ? JsonFaults.problem(malformed)
                : Refusal.of(ProblemType.UNREADABLE_JSON, "the body is missing; it takes a JSON object");
        return entity(problem);
    }

    @Override
    protected @Nullable ResponseEntity<Object> handleTypeMismatch(
            TypeMismatchException failure, HttpHeaders headers, HttpStatusCode status, WebRequest request) {
        String value = String.valueOf(failure.getValue());
        Class<?> required = failure.getRequiredType();
        if (DriveId.class.equals(required)) {
            return entity(Refusal.of(ProblemType.NO_SUCH_DRIVE, "no drive can have the id \"" + value + "\""));
        }
        if (JobId.class.equals(required)) {
            return entity(Refusal.of(ProblemType.NO_SUCH_JOB, "no job can have the id \"" + value + "\""));
        }
        return entity(Refusal.of(ProblemType.INVALID_REQUEST, failure.getPropertyName() + " is \"" + value + "\""));
    }

    /** Failures that Spring finds before a controller is called. */
    @Override
    protected @Nullable ResponseEntity<Object> handleExceptionInternal(
            Exception failure, @Nullable Object body, HttpHeaders headers, HttpStatusCode status, WebRequest request) {
        ProblemType type = ProblemType.of(status);
        HttpServletRequest servletRequest = ((ServletWebRequest) request).getRequest();
        if (LoggedPath.isSecret(servletRequest)) {
            log.debug("{} {} was refused: {}", servletRequest.getMethod(), LoggedPath.of(servletRequest), type);
        } else {
            note(type, failure, servletRequest);
        }
        String said = failure instanceof ErrorResponse known ? known.getBody().getDetail() : null;
        String detail = type == ProblemType.NOT_FOUND ? nothingAt(servletRequest) : said;
        Refusal problem = Refusal.of(type, detail == null ? type.explanation() : detail);
        headers.forEach((name, values) -> problem.with(name, String.join(", ", values)));
        return entity(problem);
    }

    private static String nothingAt(HttpServletRequest request) {
        return "there is nothing at " + LoggedPath.of(request);
    }
}
