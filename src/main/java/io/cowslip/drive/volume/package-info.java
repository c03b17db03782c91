/**
 * The files of the image root: which names may be asked for and which files they stand for, what volumes there are, how one
 * is made and deleted, which stand on which, and the secrets that open them.
 */
@NullMarked
package io.cowslip.drive.volume;

import org.jspecify.annotations.NullMarked;
