package io.cowslip.drive.registry;

import io.cowslip.drive.DriveId;
import io.cowslip.engine.image.layer.LayerStats;
import io.cowslip.engine.image.options.ImageOptions;
import java.util.List;

/**
 * An open drive as it is now.
 *
 * @param id its name
 * @param file the image, relative to the image root
 * @param options the options in force
 * @param virtualSizeBytes size of the guest's disk
 * @param layers the backing chain from the top down; {@link LayerStats#file()} is a host path, to be shown only
 *     relative to the root
 * @param layerFiles the same layers' files relative to the root, in the same order
 * @param version strong validator of this view: another one after each reconfiguration
 * @param keeping what becomes of it when the service ends
 */
public record DriveView(
        DriveId id,
        String file,
        ImageOptions options,
        long virtualSizeBytes,
        List<LayerStats> layers,
        List<String> layerFiles,
        String version,
        DriveKeeping keeping) {}
