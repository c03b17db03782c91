package io.cowslip.web.problem;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import org.apache.catalina.connector.Request;
import org.apache.catalina.connector.Response;
import org.apache.catalina.valves.ErrorReportValve;
import org.apache.coyote.AbstractProtocol;
import org.jspecify.annotations.Nullable;
import org.springframework.http.HttpStatus;
import org.springframework.http.MediaType;

/**
 * What the container refuses before any of the service's code is asked, such as a URI that is none, as a problem. Public
 * because the container makes it, by its name.
 */
public final class ContainerProblems extends ErrorReportValve {

    @Override
    protected void report(Request request, Response response, @Nullable Throwable failure) {
        int status = isStopping(request) ? HttpStatus.SERVICE_UNAVAILABLE.value() : response.getStatus();
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

    /**
     * Whether the connector takes no more requests. The container means to answer 503 then, does not read the rest of the
     * head, and answers 400 because there is no Host in what it has read.
     */
    private static boolean isStopping(Request request) {
        return request.getConnector().getProtocolHandler() instanceof AbstractProtocol<?> protocol
                && protocol.isPaused();
    }

    private static byte[] problem(ProblemType type, int status) {
        return """
                {"type":"%s","title":"%s","status":%d,"detail":"the request was refused before it was read in full"}""".formatted(type.uri(), type.title(), status).getBytes(StandardCharsets.UTF_8);
    }
}
