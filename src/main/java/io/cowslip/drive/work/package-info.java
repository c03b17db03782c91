/**
 * What jobs and downloads do with disks, each while the files that it reads or writes are claimed: conversions, comparisons,
 * checks, maps and measurements, commits and rebases, changes of volumes that nobody has open, and imports of uploads.
 */
@NullMarked
package io.cowslip.drive.work;

import org.jspecify.annotations.NullMarked;
