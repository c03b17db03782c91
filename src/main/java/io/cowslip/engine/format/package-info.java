/** Bytes to meaning and back: pure functions and records over the qcow2 format. No input or output. */
@NullMarked
package io.cowslip.engine.format;

import org.jspecify.annotations.NullMarked;
