/** Volumes as resources: what they are, making, amending and deleting them. */
@NullMarked
package io.cowslip.web.volume;

import org.jspecify.annotations.NullMarked;
