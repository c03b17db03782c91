/** Which host clusters are in use, and where the next one goes. */
@NullMarked
package io.cowslip.engine.alloc;

import org.jspecify.annotations.NullMarked;
