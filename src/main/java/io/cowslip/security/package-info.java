/** Asks who is calling, and lets requests in by what that caller may do. */
@NullMarked
package io.cowslip.security;

import org.jspecify.annotations.NullMarked;
