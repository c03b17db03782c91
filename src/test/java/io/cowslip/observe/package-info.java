/** Tests of what can be seen from outside. */
@NullMarked
package io.cowslip.observe;

import org.jspecify.annotations.NullMarked;
