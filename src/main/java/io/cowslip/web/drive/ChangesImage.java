package io.cowslip.web.drive;

import static io.cowslip.web.problem.ProblemType.CORRUPT_IMAGE;
import static io.cowslip.web.problem.ProblemType.HOST_IO;
import static io.cowslip.web.problem.ProblemType.NO_SUCH_DRIVE;
import static io.cowslip.web.problem.ProblemType.READ_ONLY;
import static io.cowslip.web.problem.ProblemType.UNSUPPORTED_FEATURE;

import io.cowslip.web.openapi.Fails;
import java.lang.annotation.ElementType;
import java.lang.annotation.Retention;
import java.lang.annotation.RetentionPolicy;
import java.lang.annotation.Target;

/** An operation that changes the image of a drive: what it fails with for that alone. */
@Fails({READ_ONLY, NO_SUCH_DRIVE, UNSUPPORTED_FEATURE, CORRUPT_IMAGE, HOST_IO})
@Target(ElementType.METHOD)
@Retention(RetentionPolicy.RUNTIME)
@interface ChangesImage {}
