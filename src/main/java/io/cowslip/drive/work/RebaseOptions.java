package io.cowslip.drive.work;

import io.cowslip.engine.image.convert.DiskRebase;
import org.jspecify.annotations.Nullable;

/**
 * What a volume is to stand on from now on.
 *
 * @param backing null: nothing, so that the volume has all of its disk itself
 * @param unsafe whether only the name changes, whatever the disk reads over it
 */
public record RebaseOptions(DiskRebase.@Nullable Backing backing, boolean unsafe) {}
