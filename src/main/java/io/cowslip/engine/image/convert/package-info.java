/**
 * What {@code qemu-img} does to whole disks: convert (a copy), compare, map, commit, rebase, amend, and compaction in place.
 */
@NullMarked
package io.cowslip.engine.image.convert;

import org.jspecify.annotations.NullMarked;
