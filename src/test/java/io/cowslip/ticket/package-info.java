@NullMarked
package io.cowslip.ticket;

import org.jspecify.annotations.NullMarked;
