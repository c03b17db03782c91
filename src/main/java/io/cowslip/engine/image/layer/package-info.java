/**
 * One open file of a backing chain, of any format: {@link io.cowslip.engine.image.layer.ImageLayer}. {@link
 * io.cowslip.engine.image.layer.Qcow2Layer} is qcow2, {@link io.cowslip.engine.image.layer.Qcow2Reading} its reading and
 * {@link io.cowslip.engine.image.layer.Qcow2Writing} its writing half. What each kind of change takes is beside them: a
 * write that allocates, one that compresses, zeroing and discarding, snapshots, moving clusters, another size.
 */
@NullMarked
package io.cowslip.engine.image.layer;

import org.jspecify.annotations.NullMarked;
