/** Drives as resources: opening, changing and closing them, their snapshots, bitmaps, key slots and tickets. */
@NullMarked
package io.cowslip.web.drive;

import org.jspecify.annotations.NullMarked;
