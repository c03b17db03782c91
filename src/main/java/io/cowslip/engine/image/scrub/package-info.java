/** Scrubs: the data of disks read to its last cluster, to find what cannot be read. */
@NullMarked
package io.cowslip.engine.image.scrub;

import org.jspecify.annotations.NullMarked;
