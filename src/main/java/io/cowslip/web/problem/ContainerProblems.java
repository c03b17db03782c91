package io.cowslip.web.problem;

import jakarta.servlet.ServletException;
import jakarta.servlet.ServletRequest;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import org.apache.catalina.connector.Request;
import org.apache.catalina.connector.Response;
import org.apache.catalina.valves.ErrorReportValve;
import org.apache.coyote.AbstractProtocol;
import org.apache.coyote.ActionCode;
import org.jspecify.annotations.Nullable;
import org.springframework.http.HttpStatus;
import org.springframework.http.MediaType;

/**
 * What the container refuses before any of the service's code is asked, such as a URI that is none, as a problem; and the
 * end of answers that are broken off. Public because the container makes it, by its name.
 */
public final class ContainerProblems extends ErrorReportValve {

    private static final String HEAD_TOO_LARGE = ContainerProblems.class.getName() + ".head-too-large";
    private static final String BROKEN_OFF = ContainerProblems.class.getName() + ".broken-off";

    /** Has a request that the container finds fault with refused for the size of its head. No client can ask for that. */
    public static void headIsTooLarge(org.apache.coyote.Request request) {
        request.setAttribute(HEAD_TOO_LARGE, true);
    }

    /**
     * Has the connection broken once this request has been dealt with, as its answer, which has begun, will not be whole.
     * To throw ClientAbortException does not do: Spring takes it for handled, and the connection stays, silent.
     */
    static void breakOff(ServletRequest request) {
        request.setAttribute(BROKEN_OFF, true);
    }

    @Override
    public void invoke(Request request, Response response) throws IOException, ServletException {
        super.invoke(request, response);
        if (request.getAttribute(BROKEN_OFF) != null) {
            response.getCoyoteResponse().action(ActionCode.CLOSE_NOW, null);
        }
    }

    @Override
    protected void report(Request request, Response response, @Nullable Throwable failure) {
        int status = status(request, response);
        if (status < HttpStatus.BAD_REQUEST.value()
                || response.getContentWritten() > 0
                || !response.setErrorReported()) {
            return;
        }
        try {
            response.setStatus(status);
            response.setContentType(MediaType.APPLICATION_PROBLEM_JSON_VALUE);
            SecurityHeaders.put(response);
            response.getOutputStream().write(problem(ProblemType.of(HttpStatus.valueOf(status)), status));
            response.finishResponse();
        } catch (IOException | IllegalStateException unsent) {
            container.getLogger().debug("Could not send a problem", unsent);
        }
    }

    private static int status(Request request, Response response) {
        int status = response.getStatus();
        if (status != HttpStatus.BAD_REQUEST.value()) {
            return status;
        }
        if (isStopping(request)) {
            return HttpStatus.SERVICE_UNAVAILABLE.value();
        }
        return request.getCoyoteRequest().getAttribute(HEAD_TOO_LARGE) == null
                ? status
                : HttpStatus.REQUEST_HEADER_FIELDS_TOO_LARGE.value();
    }

    /**
     * Whether the request came when the connector took no more. The container means to answer 503 then, does not read the
     * headers, and answers 400 because Host is not among what it has read.
     */
    private static boolean isStopping(Request request) {
        return request.getConnector().getProtocolHandler() instanceof AbstractProtocol<?> protocol
                && protocol.isPaused()
                && request.getCoyoteRequest().getMimeHeaders().size() == 0;
    }

    private static byte[] problem(ProblemType type, int status) {
        String detail = type == ProblemType.HEAD_TOO_LARGE
                ? type.explanation()
                : "the request was refused before it was read in full";
        return """
                {"type":"%s","title":"%s","status":%d,"detail":"%s"}""".formatted(type.uri(), type.title(), status, detail).getBytes(StandardCharsets.UTF_8);
    }
}
