/** Attacks on record against image services, a class for each class of attack: names that lead elsewhere and disks that pass for others. */
@NullMarked
package io.cowslip.web.hostile;

import org.jspecify.annotations.NullMarked;
