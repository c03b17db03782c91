/** What can be seen of the drives from outside: meters, the Actuator endpoint, health. */
@NullMarked
package io.cowslip.observe;

import org.jspecify.annotations.NullMarked;
