/**
 * Checks and repairs of an image's metadata, as {@code qemu-img check} has them, of images that may be damaged anywhere.
 * {@link io.cowslip.engine.image.check.CheckRun} goes over everything once and counts; {@link
 * io.cowslip.engine.image.check.ImageRepair} makes it sounder step by step. Understands all of the format, also what this
 * engine does not open. Whoever rewrites an image's metadata as a whole starts from a check, and from what is public here.
 */
@NullMarked
package io.cowslip.engine.image.check;

import org.jspecify.annotations.NullMarked;
