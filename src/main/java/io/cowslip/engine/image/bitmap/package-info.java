/**
 * Persistent dirty bitmaps (qcow2 specification, "Bitmaps"): reading them from a file, keeping them in memory while an image
 * is open, and writing them so that a crash leaves old ones or new ones.
 */
@NullMarked
package io.cowslip.engine.image.bitmap;

import org.jspecify.annotations.NullMarked;
