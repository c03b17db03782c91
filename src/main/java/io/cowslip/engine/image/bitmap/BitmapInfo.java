package io.cowslip.engine.image.bitmap;

/**
 * What is known of a persistent dirty bitmap.
 *
 * @param name its name in the image
 * @param granularityBytes bytes of the disk that one bit stands for
 * @param enabled whether changes of the disk are marked while the image is writable
 * @param inconsistent whether it says nothing any more and can only be deleted
 */
public record BitmapInfo(String name, long granularityBytes, boolean enabled, boolean inconsistent) {}
