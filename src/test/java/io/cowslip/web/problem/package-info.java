@NullMarked
package io.cowslip.web.problem;

import org.jspecify.annotations.NullMarked;
