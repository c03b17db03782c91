package io.cowslip.drive.work;

import org.jspecify.annotations.Nullable;

/**
 * Where what a volume has is to go.
 *
 * @param base a volume below it, relative to the image root; null: its backing file
 * @param keep whether the volume keeps what it has; null: only where layers lie between it and the base
 * @param allowDependents whether other volumes may stand on the base, which read differently then
 */
public record CommitOptions(@Nullable String base, @Nullable Boolean keep, boolean allowDependents) {}
