/** Cowslip: the bytes of virtual disks over HTTP. */
@NullMarked
package io.cowslip;

import org.jspecify.annotations.NullMarked;
