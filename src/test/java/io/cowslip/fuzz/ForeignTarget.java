package io.cowslip.fuzz;

import io.cowslip.engine.image.DiskImage;
import io.cowslip.engine.image.ImageInfo;
import io.cowslip.engine.image.file.ImageEnvironment;
import io.cowslip.engine.image.options.ImageFormat;
import io.cowslip.engine.image.options.ImageOptions;
import java.nio.file.Path;

/** What is done with an image of another hypervisor's format. */
final class ForeignTarget {
    private ForeignTarget() {}

    static void use(MemoryFiles files, Path file, ImageFormat format) {
        ImageEnvironment environment = Hostile.environment(files);
        ImageOptions options = ImageOptions.defaults().withFormat(format).withReadOnly(true);
        Hostile.refusable(() -> ImageInfo.chain(file, options, environment));
        Hostile.refusable(() -> {
            try (DiskImage image = DiskImage.open(file, options, environment)) {
                GuestReads.all(image);
            }
        });
    }
}
