package io.cowslip.web.json;

import io.cowslip.engine.ImageException;
import io.cowslip.engine.SizeText;
import io.cowslip.web.problem.Refusal;
import jakarta.servlet.http.HttpServletRequest;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import org.jspecify.annotations.Nullable;

/** The query parameters of a request. Unknown ones are refused, as unknown keys are. */
public final class Query {
    private final HttpServletRequest request;

    private Query(HttpServletRequest request) {
        this.request = request;
    }

    /** The query of {@code request}, refused where it has a parameter that is not {@code known}. */
    public static Query of(HttpServletRequest request, String... known) {
        if (request.getQueryString() != null) {
            refuseUnknown(request, known);
        }
        return new Query(request);
    }

    private static void refuseUnknown(HttpServletRequest request, String... known) {
        Set<String> unknown = new TreeSet<>(request.getParameterMap().keySet());
        unknown.removeAll(Set.of(known));
        if (!unknown.isEmpty()) {
            String name = unknown.iterator().next();
            throw Refusal.ofOption(
                    name,
                    "\"" + name + "\" is no query parameter here; "
                            + (known.length == 0 ? "there are none" : "known are " + String.join(", ", known)));
        }
    }

    /** The value of a parameter; null: it is not given. */
    public @Nullable String text(String name) {
        // Parameters could also come from a body of a form, and here none is read as one.
        return request.getQueryString() == null ? null : request.getParameter(name);
    }

    /** All values of a parameter that may come several times. */
    public List<String> texts(String name) {
        String[] values = request.getQueryString() == null ? null : request.getParameterValues(name);
        return values == null ? List.of() : List.of(values);
    }

    /** The value of a parameter, or {@code otherwise} where it is not given. */
    public String text(String name, String otherwise) {
        String value = text(name);
        return value == null ? otherwise : value;
    }

    /** A number of bytes, with or without a suffix. */
    public long size(String name, long otherwise) {
        String value = text(name);
        if (value == null) {
            return otherwise;
        }
        try {
            return SizeText.parse(name, value);
        } catch (ImageException refused) {
            throw Refusal.of(refused);
        }
    }

    /** A whole number from {@code least} to {@code most}. */
    public int number(String name, int otherwise, int least, int most) {
        String value = text(name);
        if (value == null) {
            return otherwise;
        }
        long number = value.matches("\\d+") ? DecimalDigits.clamped(value) : -1;
        if (number < least || number > most) {
            throw Refusal.ofOption(
                    name, name + " is \"" + value + "\"; it may be a number from " + least + " to " + most);
        }
        return (int) number;
    }

    /** {@code y} or {@code n}. */
    public boolean yes(String name, boolean otherwise) {
        String value = text(name);
        return switch (value) {
            case null -> otherwise;
            case "y" -> true;
            case "n" -> false;
            default -> throw Refusal.ofOption(name, name + " is \"" + value + "\"; it may be \"y\" or \"n\"");
        };
    }
}
