/** Who calls, and what they may do and reach: plain values that every layer may ask. */
@NullMarked
package io.cowslip.access;

import org.jspecify.annotations.NullMarked;
