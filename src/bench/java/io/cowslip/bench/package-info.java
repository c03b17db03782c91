/** Benchmarks: {@code ./mvnw -Pbench test-compile exec:exec -Dbench='SliceHit -t 2'}. */
@NullMarked
package io.cowslip.bench;

import org.jspecify.annotations.NullMarked;
