@NullMarked
package io.cowslip.engine.image.layer;

import org.jspecify.annotations.NullMarked;
