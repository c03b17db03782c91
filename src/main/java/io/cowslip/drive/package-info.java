/**
 * The service layer: images as drives and volumes. Here is what all of it shares: names of drives, refusals, the claims on
 * files that keep drives and jobs out of each other's way, and the service's properties. What there is of files is in {@link
 * io.cowslip.drive.volume}, what is open in {@link io.cowslip.drive.registry}, what takes long in {@link
 * io.cowslip.drive.work}, and what comes in in {@link io.cowslip.drive.upload}.
 */
@NullMarked
package io.cowslip.drive;

import org.jspecify.annotations.NullMarked;
