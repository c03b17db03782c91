@NullMarked
package io.cowslip.engine.image.convert;

import org.jspecify.annotations.NullMarked;
