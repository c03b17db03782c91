/**
 * Hostile input: what each parser is fed by a coverage-guided fuzzer, and what must hold whatever the input is. The
 * targets are plain methods, so that inputs once found run in every build.
 */
@NullMarked
package io.cowslip.fuzz;

import org.jspecify.annotations.NullMarked;
