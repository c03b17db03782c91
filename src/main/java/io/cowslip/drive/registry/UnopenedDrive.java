package io.cowslip.drive.registry;

import io.cowslip.drive.DriveId;

/**
 * A drive of the catalogue that could not be opened again.
 *
 * @param file the image, relative to the image root
 * @param reason why, as callers may know it
 */
public record UnopenedDrive(DriveId id, String file, String reason) {}
