/** Tests of jobs. */
@NullMarked
package io.cowslip.job;

import org.jspecify.annotations.NullMarked;
