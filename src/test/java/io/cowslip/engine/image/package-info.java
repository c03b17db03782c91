@NullMarked
package io.cowslip.engine.image;

import org.jspecify.annotations.NullMarked;
