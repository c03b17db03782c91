package io.cowslip.access;

import java.util.StringJoiner;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * A line of the audit log: who does what to which volume, and what comes of it. It goes to the logger {@code cowslip.audit},
 * as names and values, with texts in quotes and nothing in them that could end a line. It holds no passphrase, key, token
 * or ticket.
 */
public final class AuditEntry {
    private static final Logger log = LoggerFactory.getLogger("cowslip.audit");
    private static final int MAX_CHARACTERS = 300;

    private final StringJoiner line = new StringJoiner(" ");

    private AuditEntry(String action) {
        with("caller", Caller.current().name());
        line.add("action=" + action);
    }

    /** An entry about what the thread's caller does. */
    public static AuditEntry of(String action) {
        return new AuditEntry(action);
    }

    /** Adds a value, unless there is none. */
    public AuditEntry with(String name, @Nullable Object value) {
        if (value != null) {
            line.add(name + "=" + quoted(value.toString()));
        }
        return this;
    }

    /** Does the work, and writes the line once it is known what comes of it. */
    public <T, X extends Exception> T around(ScopedValue.CallableOp<? extends T, X> work) throws X {
        T result;
        try {
            result = work.call();
        } catch (Exception failure) {
            with("reason", String.valueOf(failure.getMessage())).write("refused");
            throw failure;
        }
        write("done");
        return result;
    }

    /** Writes the line. */
    public void write(String outcome) {
        log.info("{} outcome={}", line, outcome);
    }

    private static String quoted(String text) {
        StringBuilder quoted = new StringBuilder("\"");
        text.codePoints().limit(MAX_CHARACTERS).forEach(point -> {
            if (point == '"' || point == '\\') {
                quoted.append('\\').appendCodePoint(point);
            } else if (Character.isISOControl(point)
                    || Character.getType(point) == Character.FORMAT
                    || Character.getType(point) == Character.LINE_SEPARATOR) {
                quoted.append(String.format("\\u%04x", point));
            } else {
                quoted.appendCodePoint(point);
            }
        });
        return quoted.append('"').toString();
    }
}
