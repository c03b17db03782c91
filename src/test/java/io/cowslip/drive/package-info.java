/** Tests of the service layer. */
@NullMarked
package io.cowslip.drive;

import org.jspecify.annotations.NullMarked;
