/** Compressed clusters to plain bytes and back. */
@NullMarked
package io.cowslip.engine.codec;

import org.jspecify.annotations.NullMarked;
