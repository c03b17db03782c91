package io.cowslip.drive.work;

import io.cowslip.drive.DriveId;
import io.cowslip.drive.FileHolder;
import io.cowslip.drive.volume.ImageRoot;
import io.cowslip.engine.image.options.ImageFormat;
import io.cowslip.engine.image.options.ImageOptions;
import java.io.IOException;
import java.util.concurrent.atomic.AtomicLong;

/** Opens what is sent whole: disks of drives and volumes, and files of volumes as they are. */
public final class Downloads {
    private final DiskSources sources;
    private final ImageRoot root;
    private final AtomicLong begun = new AtomicLong();

    Downloads(DiskSources sources, ImageRoot root) {
        this.sources = sources;
        this.root = root;
    }

    /** The disk of an open drive, as it is now. */
    public Download drive(DriveId id) throws IOException {
        DiskSources.Opened opened = sources.open(holder(), new DiskSource.OfDrive(id));
        return new Download(
                opened,
                id.value(),
                opened.image().virtualSizeBytes(),
                opened.image().readOnly());
    }

    /** The disk of a volume, which nobody writes meanwhile. */
    public Download volume(String name, ImageOptions options) throws IOException {
        DiskSources.Opened opened = sources.open(holder(), new DiskSource.OfVolume(name, options));
        return new Download(opened, lastSegment(name), opened.image().virtualSizeBytes(), true);
    }

    /** A volume's file byte for byte, which nobody writes meanwhile. */
    public Download file(String name, ImageOptions options) throws IOException {
        DiskSources.Opened opened =
                sources.open(holder(), new DiskSource.OfVolume(name, options.withFormat(ImageFormat.RAW)));
        boolean measured = false;
        try {
            long sizeBytes = root.look(root.existing(name)).sizeBytes();
            measured = true;
            return new Download(opened, lastSegment(name), sizeBytes, true);
        } finally {
            if (!measured) {
                opened.close();
            }
        }
    }

    private FileHolder holder() {
        return FileHolder.download(String.valueOf(begun.incrementAndGet()));
    }

    private static String lastSegment(String name) {
        return name.substring(name.lastIndexOf('/') + 1);
    }
}
