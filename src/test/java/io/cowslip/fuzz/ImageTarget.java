package io.cowslip.fuzz;

import io.cowslip.engine.image.DiskImage;
import io.cowslip.engine.image.ImageInfo;
import io.cowslip.engine.image.Snapshot;
import io.cowslip.engine.image.bitmap.BitmapInfo;
import io.cowslip.engine.image.check.ImageCheck;
import io.cowslip.engine.image.create.ImageMeasure;
import io.cowslip.engine.image.file.ImageEnvironment;
import io.cowslip.engine.image.options.CreateOptions;
import io.cowslip.engine.image.options.ImageOptions;
import io.cowslip.engine.work.WorkObserver;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;

/** A whole small image: all that can be done to it without a write. The input is the file; it may name itself or a raw file. */
final class ImageTarget {
    private static final int MOST_OPENED = 3;

    private ImageTarget() {}

    public static void fuzzerTestOneInput(byte[] input) {
        Hostile.within(() -> {
            try (MemoryFiles files = new MemoryFiles()) {
                files.put("raw", new byte[8192]);
                use(files.put("image", input), Hostile.environment(files));
            }
        });
    }

    private static void use(Path file, ImageEnvironment environment) {
        ImageOptions readOnly = ImageOptions.defaults().withReadOnly(true);
        Hostile.refusable(() -> ImageInfo.chain(file, environment));
        Hostile.refusable(() -> ImageCheck.check(file, WorkObserver.NONE, environment));
        Hostile.refusable(() -> {
            try (DiskImage image = DiskImage.open(file, readOnly, environment)) {
                GuestReads.all(image);
                Hostile.refusable(() -> readSnapshots(image, file, environment));
                Hostile.refusable(() -> readBitmaps(image));
                Hostile.refusable(() -> ImageMeasure.ofCopy(CreateOptions.qcow2(512), image, WorkObserver.NONE));
                image.cleanCaches();
            }
        });
    }

    private static void readSnapshots(DiskImage image, Path file, ImageEnvironment environment) throws IOException {
        List<Snapshot> snapshots = image.snapshots().list();
        for (Snapshot snapshot : snapshots.subList(0, Math.min(MOST_OPENED, snapshots.size()))) {
            ImageOptions options = ImageOptions.defaults().withReadOnly(true).withSnapshot(snapshot.id());
            Hostile.refusable(() -> {
                try (DiskImage other = DiskImage.open(file, options, environment)) {
                    GuestReads.all(other);
                }
            });
            Hostile.refusable(() -> {
                var changes = image.snapshots().changesSince(snapshot.id(), null);
                long position = 0;
                for (int count = 0; count < MOST_OPENED * MOST_OPENED && position < changes.diskBytes(); count++) {
                    position += changes.changeAt(position, changes.diskBytes()).length();
                }
            });
        }
    }

    private static void readBitmaps(DiskImage image) throws IOException {
        List<BitmapInfo> bitmaps = image.bitmaps().list();
        for (BitmapInfo bitmap : bitmaps.subList(0, Math.min(MOST_OPENED, bitmaps.size()))) {
            Hostile.refusable(() -> {
                var map = image.bitmaps().map(bitmap.name());
                map.dirtyBytes();
                if (image.virtualSizeBytes() > 0) {
                    map.runEnd(0, image.virtualSizeBytes());
                }
            });
        }
    }
}
