@NullMarked
package io.cowslip.engine.image.check;

import org.jspecify.annotations.NullMarked;
