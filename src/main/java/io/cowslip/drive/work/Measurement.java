package io.cowslip.drive.work;

import io.cowslip.engine.image.options.CreateOptions;
import org.jspecify.annotations.Nullable;

/**
 * What space is to be measured: that of a new volume, for a disk that is to be copied or for an empty one.
 *
 * @param source the disk; null: an empty one of {@code sizeBytes}
 * @param target the new volume
 */
public record Measurement(@Nullable DiskSource source, long sizeBytes, CreateOptions target) {}
