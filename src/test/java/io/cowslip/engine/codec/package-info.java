@NullMarked
package io.cowslip.engine.codec;

import org.jspecify.annotations.NullMarked;
