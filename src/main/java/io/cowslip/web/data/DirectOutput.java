package io.cowslip.web.data;

import jakarta.servlet.ServletOutputStream;
import jakarta.servlet.ServletResponse;
import jakarta.servlet.ServletResponseWrapper;
import java.io.IOException;

/**
 * The container's own stream of a response. Spring hands controllers a response wrapped for asynchronous use, whose
 * stream would copy each buffer into an array of its own first.
 */
final class DirectOutput {
    private DirectOutput() {}

    static ServletOutputStream of(ServletResponse response) throws IOException {
        ServletResponse own = response;
        while (own instanceof ServletResponseWrapper wrapper) {
            own = wrapper.getResponse();
        }
        return own.getOutputStream();
    }
}
