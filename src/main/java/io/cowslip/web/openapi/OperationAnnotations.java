package io.cowslip.web.openapi;

import io.cowslip.web.problem.ProblemType;
import io.swagger.v3.oas.annotations.Parameter;
import io.swagger.v3.oas.annotations.Parameters;
import java.lang.annotation.Annotation;
import java.lang.reflect.AnnotatedElement;
import java.lang.reflect.Method;
import java.util.Arrays;
import java.util.List;
import java.util.stream.Stream;

/**
 * What annotations say of an operation: those on its method, and in the place of one of Cowslip's own also what that one
 * is annotated with. They come in the order in which they stand in the source, so that what operations share can be
 * written once and the description still has everything where it was written.
 */
record OperationAnnotations(Method method) {
    private static final String OWN = "io.cowslip.";

    /** The problems that the operation answers with, by all of its {@link Fails}. */
    List<ProblemType> problems() {
        return all(method)
                .flatMap(
                        annotation -> annotation instanceof Fails fails ? Arrays.stream(fails.value()) : Stream.empty())
                .distinct()
                .toList();
    }

    /** The names of the parameters that stand beside {@code @Operation}, of shared ones what they are referred to by. */
    List<String> parameterNames() {
        return all(method)
                .flatMap(OperationAnnotations::parameters)
                .map(parameter -> parameter.ref().isEmpty() ? parameter.name() : parameter.ref())
                .toList();
    }

    private static Stream<Parameter> parameters(Annotation annotation) {
        return switch (annotation) {
            case Parameter parameter -> Stream.of(parameter);
            case Parameters parameters -> Arrays.stream(parameters.value());
            default -> Stream.empty();
        };
    }

    private static Stream<Annotation> all(AnnotatedElement element) {
        return Arrays.stream(element.getDeclaredAnnotations())
                .flatMap(annotation -> Stream.concat(Stream.of(annotation), metaAnnotations(annotation)));
    }

    private static Stream<Annotation> metaAnnotations(Annotation annotation) {
        Class<? extends Annotation> type = annotation.annotationType();
        return type.getName().startsWith(OWN) ? all(type) : Stream.empty();
    }
}
