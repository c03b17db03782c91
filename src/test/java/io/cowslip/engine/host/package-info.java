@NullMarked
package io.cowslip.engine.host;

import org.jspecify.annotations.NullMarked;
