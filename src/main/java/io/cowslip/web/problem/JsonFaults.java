package io.cowslip.web.problem;

import com.fasterxml.jackson.annotation.JsonProperty;
import java.util.Arrays;
import java.util.Objects;
import java.util.Set;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import tools.jackson.core.JacksonException;
import tools.jackson.core.TokenStreamLocation;
import tools.jackson.core.exc.StreamReadException;
import tools.jackson.core.exc.UnexpectedEndOfInputException;
import tools.jackson.databind.exc.MismatchedInputException;
import tools.jackson.databind.exc.UnrecognizedPropertyException;

/** Says in the words of the API what is wrong with a JSON body. */
final class JsonFaults {

    /** Options of QEMU's and of the contract's that come later. */
    private static final Set<String> LATER = Set.of("cache");

    private JsonFaults() {}

    static Refusal problem(JacksonException fault) {
        String option = path(fault);
        if (fault.getCause() instanceof Refusal refusal) {
            return Refusal.ofOption(option, String.valueOf(refusal.getMessage()));
        }
        return switch (fault) {
            case UnrecognizedPropertyException unknown ->
                LATER.contains(unknown.getPropertyName()) ? Refusal.notYet(option) : unknownKey(option, unknown);
            case MismatchedInputException mismatch -> wrongType(option, mismatch.getTargetType());
            case UnexpectedEndOfInputException cut ->
                Refusal.of(ProblemType.UNREADABLE_JSON, "the body is no JSON: it ends too early");
            case StreamReadException syntax ->
                Refusal.of(ProblemType.UNREADABLE_JSON, "the body is no JSON" + place(syntax.getLocation()));
            default -> Refusal.of(ProblemType.UNREADABLE_JSON, "the body cannot be read as JSON");
        };
    }

    private static String place(@Nullable TokenStreamLocation location) {
        return location == null || location.getLineNr() < 1
                ? ""
                : ": look at line " + location.getLineNr() + ", column " + location.getColumnNr();
    }

    private static String path(JacksonException fault) {
        return fault.getPath().stream()
                .map(place -> place.getPropertyName() == null ? "[" + place.getIndex() + "]" : place.getPropertyName())
                .collect(Collectors.joining("."));
    }

    private static Refusal unknownKey(String option, UnrecognizedPropertyException unknown) {
        return Refusal.of(
                ProblemType.UNKNOWN_KEY,
                option,
                "\"" + option + "\" is not known here; known are "
                        + known(unknown).sorted().collect(Collectors.joining(", ")));
    }

    /** The members that the object may have. Jackson leaves out those that stand for a part of it. */
    private static Stream<String> known(UnrecognizedPropertyException unknown) {
        Stream<String> own = unknown.getKnownPropertyIds() == null
                ? Stream.of()
                : unknown.getKnownPropertyIds().stream().map(String::valueOf);
        Class<?> object = unknown.getReferringClass();
        WithMembersOf parts = object == null ? null : object.getAnnotation(WithMembersOf.class);
        return parts == null
                ? own
                : Stream.concat(own, Arrays.stream(parts.value()).flatMap(JsonFaults::named));
    }

    private static Stream<String> named(Class<? extends Record> part) {
        return Arrays.stream(part.getRecordComponents())
                .map(component -> component.getAccessor().getAnnotation(JsonProperty.class))
                .filter(Objects::nonNull)
                .map(JsonProperty::value);
    }

    private static Refusal wrongType(String option, @Nullable Class<?> target) {
        if (option.isEmpty()) {
            return Refusal.of(ProblemType.UNREADABLE_JSON, "the body takes a JSON object");
        }
        return Refusal.of(
                ProblemType.UNREADABLE_JSON,
                option,
                option + " has a value of the wrong type; it takes " + wanted(target));
    }

    private static String wanted(@Nullable Class<?> target) {
        TakenAs known = target == null ? null : target.getAnnotation(TakenAs.class);
        if (known != null) {
            return known.value();
        }
        if (target == Boolean.class || target == boolean.class) {
            return "true or false";
        }
        if (target == String.class) {
            return "a text";
        }
        return target != null && (target.isPrimitive() || Number.class.isAssignableFrom(target))
                ? "a whole number"
                : "an object";
    }
}
