package io.cowslip.web.openapi;

import static io.cowslip.web.problem.ProblemType.INVALID_OPTION;
import static io.cowslip.web.problem.ProblemType.UNKNOWN_KEY;
import static io.cowslip.web.problem.ProblemType.UNREADABLE_JSON;
import static io.cowslip.web.problem.ProblemType.UNSUPPORTED_MEDIA_TYPE;

import java.lang.annotation.ElementType;
import java.lang.annotation.Retention;
import java.lang.annotation.RetentionPolicy;
import java.lang.annotation.Target;

/** An operation whose body is JSON: what it fails with for that alone. */
@Fails({UNREADABLE_JSON, UNKNOWN_KEY, INVALID_OPTION, UNSUPPORTED_MEDIA_TYPE})
@Target(ElementType.METHOD)
@Retention(RetentionPolicy.RUNTIME)
public @interface TakesJson {}
