package io.cowslip.drive.volume;

import io.cowslip.drive.ByteSize;
import io.cowslip.engine.ImageException;
import io.cowslip.engine.ImageException.Kind;
import org.jspecify.annotations.Nullable;
import org.springframework.boot.context.properties.ConfigurationProperties;
import org.springframework.boot.context.properties.bind.DefaultValue;

/**
 * What volumes may take. A small file may be an image of a huge disk, and whoever fills it would fill the host: so the disk
 * counts, and space is asked for before work begins.
 *
 * @param virtualSize Largest disk that a new, uploaded or resized volume may have. Any size where not given.
 * @param freeSpace Space on the image root's file system that uploads, conversions and preallocation leave alone.
 */
@ConfigurationProperties("cowslip.limits")
public record VolumeLimits(
        @Nullable ByteSize virtualSize, @DefaultValue("0") ByteSize freeSpace) {

    /** Everything that the host can do. */
    public static final VolumeLimits NONE = new VolumeLimits(null, new ByteSize(0));

    /** @throws ImageException INVALID_OPTION where a volume may not have so large a disk */
    public void requireDisk(long virtualSizeBytes) throws ImageException {
        if (virtualSize != null && virtualSizeBytes > virtualSize.bytes()) {
            throw ImageException.invalidOption(
                    "virtual-size",
                    "virtual-size is " + virtualSizeBytes + "; cowslip.limits.virtual-size allows "
                            + virtualSize.bytes());
        }
    }

    /**
     * @param usable what the host has
     * @throws ImageException NO_SPACE where there is not so much besides what is to be left
     */
    void requireRoom(long usable, long bytes) throws ImageException {
        if (bytes > 0 && bytes > usable - freeSpace.bytes()) {
            throw ImageException.of(
                    Kind.NO_SPACE,
                    bytes + " bytes are to come, and the host has space for " + usable
                            + (freeSpace.bytes() == 0
                                    ? ""
                                    : ", of which cowslip.limits.free-space keeps " + freeSpace.bytes()));
        }
    }
}
