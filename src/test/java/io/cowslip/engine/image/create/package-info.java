@NullMarked
package io.cowslip.engine.image.create;

import org.jspecify.annotations.NullMarked;
