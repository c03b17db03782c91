package io.cowslip.drive.work;

import io.cowslip.drive.volume.VolumeEncryption;
import io.cowslip.engine.image.options.CreateOptions;
import org.jspecify.annotations.Nullable;

/** What is to become of which disk: a new volume that reads like it. */
public record Conversion(DiskSource source, Target target) {

    /**
     * The volume to make.
     *
     * @param file relative to the image root
     * @param options what it is; without a size it gets the source's
     * @param compress whether its clusters are compressed
     * @param encryption null: none
     */
    public record Target(
            String file,
            CreateOptions options,
            boolean compress,
            @Nullable VolumeEncryption encryption) {}
}
