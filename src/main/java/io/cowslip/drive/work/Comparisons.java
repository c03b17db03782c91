package io.cowslip.drive.work;

import io.cowslip.drive.FileHolder;
import io.cowslip.engine.image.convert.DiskComparison;
import io.cowslip.engine.work.WorkObserver;
import java.io.IOException;

/** Compares disks, each as it reads at one moment. */
public final class Comparisons {
    private final DiskSources sources;

    Comparisons(DiskSources sources) {
        this.sources = sources;
    }

    /** Refuses what could not be compared as things stand. */
    public void requirePossible(DiskSource one, DiskSource other) throws IOException {
        sources.requirePossible(one);
        sources.requirePossible(other);
    }

    /** Compares two disks for the job of this id. */
    public DiskComparison.Outcome compare(String job, DiskSource one, DiskSource other, WorkObserver observer)
            throws IOException {
        FileHolder holder = FileHolder.job(job);
        try (DiskSources.Opened first = sources.open(holder, one);
                DiskSources.Opened second = sources.open(holder, other)) {
            return first.read(
                    observer,
                    (left, watchingLeft) -> second.read(
                            watchingLeft, (right, watchingBoth) -> DiskComparison.compare(left, right, watchingBoth)));
        }
    }
}
