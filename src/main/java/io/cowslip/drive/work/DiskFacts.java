package io.cowslip.drive.work;

import io.cowslip.drive.FileHolder;
import io.cowslip.engine.image.convert.DiskMap;
import io.cowslip.engine.image.create.ImageMeasure;
import io.cowslip.engine.image.options.NewEncryption;
import io.cowslip.engine.work.WorkObserver;
import java.io.IOException;

/** What can be told of disks without reading their data. */
public final class DiskFacts {
    private final DiskSources sources;

    DiskFacts(DiskSources sources) {
        this.sources = sources;
    }

    /** Refuses a disk that could not be looked at as things stand. */
    public void requirePossible(DiskSource source) throws IOException {
        sources.requirePossible(source);
    }

    /** Measures what space a new volume will take, for the job of this id. */
    public ImageMeasure measure(String job, Measurement wanted, WorkObserver observer) throws IOException {
        DiskSource source = wanted.source();
        try {
            if (source == null) {
                return ImageMeasure.ofEmpty(wanted.target(), wanted.sizeBytes());
            }
            try (DiskSources.Opened opened = sources.open(FileHolder.job(job), source)) {
                return opened.read(observer, (disk, watching) -> ImageMeasure.ofCopy(wanted.target(), disk, watching));
            }
        } finally {
            NewEncryption encryption = wanted.target().encrypt();
            if (encryption != null) {
                encryption.keySecret().close();
            }
        }
    }

    /**
     * Maps a disk and the chain below it, for the job of this id.
     *
     * @param start in bytes, up to the disk's end
     * @param lengthBytes how far to go, at most to the disk's end
     * @param limit the most extents
     * @throws io.cowslip.engine.ImageException INVALID_OPTION naming {@code start} when that lies behind the disk's end
     */
    public DiskMap map(String job, DiskSource source, long start, long lengthBytes, int limit, WorkObserver observer)
            throws IOException {
        try (DiskSources.Opened opened = sources.open(FileHolder.job(job), source)) {
            return opened.read(observer, (disk, watching) -> DiskMap.of(disk, start, lengthBytes, limit, watching));
        }
    }
}
