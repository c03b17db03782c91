package io.cowslip.web.problem;

import io.cowslip.engine.ImageException;
import java.io.IOException;
import java.util.LinkedHashMap;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import org.springframework.http.HttpHeaders;

/** A request that this layer itself refuses, before the drives or the engine have a say. */
public final class Refusal extends RuntimeException {
    private static final long serialVersionUID = 1;

    private final ProblemType type;
    private final @Nullable String option;
    private final transient HttpHeaders headers = new HttpHeaders();
    private final transient Map<String, Object> members = new LinkedHashMap<>();

    private Refusal(ProblemType type, @Nullable String option, String detail) {
        super(detail);
        this.type = type;
        this.option = option;
    }

    /** A refusal that is no value's fault. {@code detail} says what would be right. */
    public static Refusal of(ProblemType type, String detail) {
        return new Refusal(type, null, detail);
    }

    static Refusal of(ProblemType type, @Nullable String option, String detail) {
        return new Refusal(type, option, detail);
    }

    /** What the engine finds wrong with a value. */
    public static Refusal of(ImageException refused) {
        Refusal refusal =
                new Refusal(ProblemType.INVALID_OPTION, refused.option(), String.valueOf(refused.getMessage()));
        refusal.initCause(refused);
        return refusal;
    }

    /** A value that a query parameter, header or key may not have. */
    public static Refusal ofOption(String option, String detail) {
        return new Refusal(ProblemType.INVALID_OPTION, option, detail);
    }

    /** Something of QEMU's or of the contract's that the service does not do yet. */
    static Refusal notYet(String option) {
        return new Refusal(
                ProblemType.UNSUPPORTED_OPTION, option, option + " is known but not supported yet; leave it out");
    }

    /** A range that is not on a disk of {@code sizeBytes}. */
    public static Refusal offDisk(long sizeBytes, String detail) {
        return of(ProblemType.RANGE_NOT_SATISFIABLE, detail).with(HttpHeaders.CONTENT_RANGE, "bytes */" + sizeBytes);
    }

    /** Adds a member to the problem document. */
    public Refusal withMember(String name, Object value) {
        members.put(name, value);
        return this;
    }

    Map<String, Object> members() {
        return members;
    }

    /** Adds a header to the answer. */
    public Refusal with(String header, String value) {
        headers.set(header, value);
        return this;
    }

    /** The kind of problem. */
    public ProblemType type() {
        return type;
    }

    /** The option, parameter or key at fault; null: none. */
    public @Nullable String option() {
        return option;
    }

    /** What the answer has besides. */
    public HttpHeaders headers() {
        return headers;
    }

    /** A body that its sender did not finish. */
    public static Refusal brokenOff(IOException cause) {
        Refusal refusal = of(ProblemType.INCOMPLETE_BODY, "the connection broke within the body");
        refusal.initCause(cause);
        return refusal;
    }
}
