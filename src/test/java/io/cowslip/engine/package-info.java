@NullMarked
package io.cowslip.engine;

import org.jspecify.annotations.NullMarked;
