@NullMarked
package io.cowslip.web.limit;

import org.jspecify.annotations.NullMarked;
