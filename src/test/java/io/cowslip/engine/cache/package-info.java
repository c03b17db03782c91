@NullMarked
package io.cowslip.engine.cache;

import org.jspecify.annotations.NullMarked;
