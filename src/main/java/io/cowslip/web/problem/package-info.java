/** The problems that requests are answered with (RFC 9457), and the one place where failures become problems. */
@NullMarked
package io.cowslip.web.problem;

import org.jspecify.annotations.NullMarked;
