/**
 * Internal snapshots of a qcow2 image (qcow2 specification, "Snapshots"): reading the table; taking, going back to and
 * deleting one; the reference counts and COPIED flags that this changes.
 */
@NullMarked
package io.cowslip.engine.image.snapshot;

import org.jspecify.annotations.NullMarked;
