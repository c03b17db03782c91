@NullMarked
package io.cowslip.engine.alloc;

import org.jspecify.annotations.NullMarked;
