/**
 * Disks in the formats of other hypervisors, open for reading: which place of which file each run of the disk has. Any
 * number of threads read at once; nothing takes a lock.
 */
@NullMarked
package io.cowslip.engine.foreign;

import org.jspecify.annotations.NullMarked;
