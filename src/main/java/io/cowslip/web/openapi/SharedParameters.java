package io.cowslip.web.openapi;

/** What the description of the API has once and many operations refer to: header fields, and a media type. */
public final class SharedParameters {
    public static final String MERGE_PATCH = "application/merge-patch+json";
    public static final String IF_MATCH = "If-Match";
    public static final String IF_NONE_MATCH = "If-None-Match";
    public static final String IF_RANGE = "If-Range";
    public static final String CONTENT_RANGE = "Content-Range";
    public static final String CONTENT_DIGEST = "Content-Digest";

    /** A ticket in examples: what holders present, and what it is managed by. */
    public static final String EXAMPLE_TICKET = "6b5aXJvQ0T7e3wq4Zk1mYtR8uHnC2sVfLdGpEoIiWxA";

    public static final String EXAMPLE_TICKET_ID = "t0b1c2d3e4f";

    private SharedParameters() {}
}
