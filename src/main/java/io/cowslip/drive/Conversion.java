package io.cowslip.drive;

import io.cowslip.engine.image.CreateOptions;
import io.cowslip.engine.image.ImageOptions;
import org.jspecify.annotations.Nullable;

/** What is to become of which disk: a new volume that reads like it. */
public record Conversion(Source source, Target target) {

    /** The disk to read. */
    public sealed interface Source {}

    /**
     * A volume and the chain below it, opened for as long as it takes.
     *
     * @param file relative to the image root
     * @param options how it is opened; always read-only
     */
    public record VolumeSource(String file, ImageOptions options) implements Source {}

    /** An open drive. */
    public record DriveSource(DriveId drive) implements Source {}

    /**
     * The volume to make.
     *
     * @param file relative to the image root
     * @param options what it is; without a size it gets the source's
     * @param encryption null: none
     */
    public record Target(
            String file, CreateOptions options, @Nullable VolumeEncryption encryption) {}
}
