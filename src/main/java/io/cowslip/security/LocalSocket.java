package io.cowslip.security;

import jakarta.servlet.ServletRequest;

/** The Unix domain socket, which is guarded by the mode of its file: who may open it is let in. */
public final class LocalSocket {
    /** The attribute that the listener gives requests that came over it. No client can set one. */
    public static final String ATTRIBUTE = LocalSocket.class.getName();

    private LocalSocket() {}

    static boolean isUsedBy(ServletRequest request) {
        return request.getAttribute(ATTRIBUTE) != null;
    }
}
