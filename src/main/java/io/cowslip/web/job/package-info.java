/** Jobs as resources: what each type of job is asked for with, how one is shown and followed. */
@NullMarked
package io.cowslip.web.job;

import org.jspecify.annotations.NullMarked;
