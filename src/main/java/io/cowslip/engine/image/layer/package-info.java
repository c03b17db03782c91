/**
 * One open file of a backing chain, of any format: {@link io.cowslip.engine.image.layer.ImageLayer}. {@link
 * io.cowslip.engine.image.layer.Qcow2Layer} reads qcow2, {@link io.cowslip.engine.image.layer.Qcow2Writing} is its writing
 * half, and what each kind of change takes is beside it: a write that allocates, one that compresses, zeroing and
 * discarding, moving clusters, another size.
 */
@NullMarked
package io.cowslip.engine.image.layer;

import org.jspecify.annotations.NullMarked;
