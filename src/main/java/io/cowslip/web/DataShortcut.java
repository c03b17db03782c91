package io.cowslip.web;

import io.cowslip.drive.DriveId;
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
 * The short way to the data: GET, HEAD and PUT of {@value #PATTERN} go straight to the controller's methods, past the
 * dispatcher, whose search for them costs more than reading a cluster. All other requests, also for the same resource,
 * go on as ever. So does a request that failed: the dispatcher finds the controller's method, which throws the failure
 * again ({@link #rethrow}), and what becomes of failures is decided in one place.
 */
final class DataShortcut implements Filter {
    private static final String PATTERN = "/drives/{id}/data";
    private static final String PREFIX = "/drives/";
    private static final String SUFFIX = "/data";
    private static final String FAILURE = DataShortcut.class.getName() + ".failure";

    private final DriveDataController controller;

    DataShortcut(DriveDataController controller) {
        this.controller = controller;
    }

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
        Method method = method(request);
        DriveId drive = method == null ? null : drive(request.getRequestURI());
        if (method == null || drive == null || request.getHeader(WebConfiguration.API_VERSION) != null) {
            return false;
        }
        try {
            method.call(drive, request, response);
        } catch (IOException | RuntimeException failure) {
            request.setAttribute(FAILURE, failure);
            return false;
        }
        ServerHttpObservationFilter.findObservationContext(request)
                .ifPresent(observed -> observed.setPathPattern(PATTERN));
        return true;
    }

    @FunctionalInterface
    private interface Method {
        void call(DriveId drive, HttpServletRequest request, HttpServletResponse response) throws IOException;
    }

    private @Nullable Method method(HttpServletRequest request) {
        return switch (request.getMethod()) {
            case "GET" -> controller::read;
            case "HEAD" -> controller::head;
            case "PUT" -> controller::write;
            default -> null;
        };
    }

    /** The drive whose data the path names as plainly as can be; null for every other path. */
    private static @Nullable DriveId drive(String path) {
        if (!path.startsWith(PREFIX) || !path.endsWith(SUFFIX) || path.length() <= PREFIX.length() + SUFFIX.length()) {
            return null;
        }
        String name = path.substring(PREFIX.length(), path.length() - SUFFIX.length());
        return DriveId.isPossible(name) ? new DriveId(name) : null;
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
