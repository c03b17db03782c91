@NullMarked
package io.cowslip.web.data;

import org.jspecify.annotations.NullMarked;
