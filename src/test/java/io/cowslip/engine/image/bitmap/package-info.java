@NullMarked
package io.cowslip.engine.image.bitmap;

import org.jspecify.annotations.NullMarked;
