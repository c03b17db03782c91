/** Links to a drive's bytes that may be handed out: tickets, each for some operations and for some time. */
@NullMarked
package io.cowslip.ticket;

import org.jspecify.annotations.NullMarked;
