@NullMarked
package io.cowslip.web.job;

import org.jspecify.annotations.NullMarked;
