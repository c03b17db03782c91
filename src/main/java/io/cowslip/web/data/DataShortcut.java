package io.cowslip.web.data;

import io.cowslip.drive.DriveId;
import io.cowslip.ticket.TicketToken;
import io.cowslip.web.server.ApiVersion;
import jakarta.servlet.Filter;
import jakarta.servlet.FilterChain;
import jakarta.servlet.ServletException;
import jakarta.servlet.ServletRequest;
import jakarta.servlet.ServletResponse;
import jakarta.servlet.http.HttpServletRequest;
import jakarta.servlet.http.HttpServletResponse;
import java.io.IOException;
import org.jspecify.annotations.Nullable;
import org.springframework.web.filter.ServerHttpObservationFilter;

/**
 * The short way to the data: GET, HEAD and PUT of a drive's data and of a ticket's image go straight to the controllers'
 * methods, past the dispatcher, whose search for them costs more than reading a cluster. All other requests, also for the
 * same resources, go on as ever. So does a request that failed: the dispatcher finds the controller's method, which throws
 * the failure again ({@link #rethrow}), and what becomes of failures is decided in one place.
 */
final class DataShortcut implements Filter {
    private static final String DRIVES = "/drives/";
    private static final String DATA = "/data";
    private static final String IMAGES = "/images/";
    private static final String FAILURE = DataShortcut.class.getName() + ".failure";

    private final DriveDataController drives;
    private final ImageController images;

    DataShortcut(DriveDataController drives, ImageController images) {
        this.drives = drives;
        this.images = images;
    }

    /** A controller's method, for the resource that the path names. */
    @FunctionalInterface
    private interface Call {
        void answer(HttpServletRequest request, HttpServletResponse response) throws IOException;
    }

    /** @param pattern of the path, as the metrics have it */
    private record Route(String pattern, Call call) {}

    @Override
    public void doFilter(ServletRequest request, ServletResponse response, FilterChain chain)
            throws IOException, ServletException {
        if (!(request instanceof HttpServletRequest asked)
                || !(response instanceof HttpServletResponse answer)
                || !answered(asked, answer)) {
            chain.doFilter(request, response);
        }
    }

    private boolean answered(HttpServletRequest request, HttpServletResponse response) {
        Route route = request.getHeader(ApiVersion.HEADER) == null ? route(request) : null;
        if (route == null) {
            return false;
        }
        try {
            route.call.answer(request, response);
        } catch (IOException | RuntimeException failure) {
            request.setAttribute(FAILURE, failure);
            return false;
        }
        ServerHttpObservationFilter.findObservationContext(request)
                .ifPresent(observed -> observed.setPathPattern(route.pattern));
        return true;
    }

    private @Nullable Route route(HttpServletRequest request) {
        String path = request.getRequestURI();
        if (path.startsWith(DRIVES) && path.endsWith(DATA) && path.length() > DRIVES.length() + DATA.length()) {
            String name = path.substring(DRIVES.length(), path.length() - DATA.length());
            Call call = DriveId.isPossible(name) ? onDrive(request.getMethod(), new DriveId(name)) : null;
            return call == null ? null : new Route("/drives/{id}/data", call);
        }
        if (path.startsWith(IMAGES)) {
            String token = path.substring(IMAGES.length());
            Call call = TicketToken.isPossible(token) ? onImage(request.getMethod(), token) : null;
            return call == null ? null : new Route("/images/{ticket}", call);
        }
        return null;
    }

    private @Nullable Call onDrive(String method, DriveId drive) {
        return switch (method) {
            case "GET" -> (request, response) -> drives.read(drive, request, response);
            case "HEAD" -> (request, response) -> drives.head(drive, request, response);
            case "PUT" -> (request, response) -> drives.write(drive, request, response);
            default -> null;
        };
    }

    private @Nullable Call onImage(String method, String token) {
        return switch (method) {
            case "GET" -> (request, response) -> images.read(token, request, response);
            case "HEAD" -> (request, response) -> images.head(token, request, response);
            case "PUT" -> (request, response) -> images.write(token, request, response);
            default -> null;
        };
    }

    /** Throws what kept the short way from answering this request, if that is so. */
    static void rethrow(HttpServletRequest request) throws IOException {
        switch (request.getAttribute(FAILURE)) {
            case null -> {}
            case IOException failure -> throw failure;
            case RuntimeException failure -> throw failure;
            default -> throw new IllegalStateException(FAILURE + " is no failure");
        }
    }
}
