/** Whole files of volumes as resources: sent as they are, and taken in, also in parts that are resumed. */
@NullMarked
package io.cowslip.web.upload;

import org.jspecify.annotations.NullMarked;
