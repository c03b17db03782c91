package io.cowslip.drive.registry;

import io.cowslip.engine.image.options.Preallocation;

/**
 * Another size for the disk of an open drive.
 *
 * @param shrink whether the disk may lose what lies behind a smaller size
 * @param preallocation what of the part gained has its place in the file at once
 */
public record DriveResize(long sizeBytes, boolean shrink, Preallocation preallocation) {}
