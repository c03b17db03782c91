/**
 * Where the guest's bytes are in a qcow2 file, and how that changes. Looking up: {@link
 * io.cowslip.engine.image.map.ClusterMap} answers with an {@link io.cowslip.engine.image.map.Extent}, and {@link
 * io.cowslip.engine.image.map.DataStore} reads and writes there. Changing: {@link
 * io.cowslip.engine.image.map.WritableMap} makes tables and puts entries into them, and {@link
 * io.cowslip.engine.image.map.WriteBarrier} has the one order in which all metadata reaches the disk.
 */
@NullMarked
package io.cowslip.engine.image.map;

import org.jspecify.annotations.NullMarked;
