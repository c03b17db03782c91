/** The qcow2 engine: plain Java that opens, reads and writes disk images. What went wrong is an {@link ImageException}. */
@NullMarked
package io.cowslip.engine;

import org.jspecify.annotations.NullMarked;
