/** The service layer: which images are open, under which id and options, and who may use them right now. */
@NullMarked
package io.cowslip.drive;

import org.jspecify.annotations.NullMarked;
