@NullMarked
package io.cowslip.engine.image.snapshot;

import org.jspecify.annotations.NullMarked;
