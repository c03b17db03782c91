@NullMarked
package io.cowslip.engine.format;

import org.jspecify.annotations.NullMarked;
