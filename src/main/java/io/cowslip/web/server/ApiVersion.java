package io.cowslip.web.server;

/** The version of the API that a request asks for. */
public final class ApiVersion {
    /** The header that it travels in. */
    public static final String HEADER = "API-Version";

    private ApiVersion() {}
}
