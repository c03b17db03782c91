@NullMarked
package io.cowslip.engine.image.export;

import org.jspecify.annotations.NullMarked;
