package io.cowslip.engine.image.check;

import io.cowslip.engine.format.Features;
import io.cowslip.engine.format.HeaderLayout;
import io.cowslip.engine.format.ImageHeader;
import io.cowslip.engine.host.HostFile;
import io.cowslip.engine.image.file.HeaderReader;
import io.cowslip.engine.work.WorkObserver;
import io.cowslip.engine.work.WorkThreads;
import java.io.IOException;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Repairs an image that nobody else uses. Goes over the metadata several times, each time a little sounder, and in one
 * order, so that an interruption leaves nothing worse than it was:
 *
 * <pre>
 *   mark corrupt, or dirty where only leaks are to go → sync
 *                → pointers that lead nowhere vanish → sync → COPIED flags too many vanish → sync
 *                → counts become right, or new ones take the place of the old → sync → COPIED flags are set → sync
 *                → marks vanish → sync
 * </pre>
 *
 * <p>A count drops only when no pointer is left that is durable, and a cluster is said to be unshared only once its
 * count is.
 */
public final class ImageRepair {
    private final RepairFile target;
    private final WorkObserver observer;

    private ImageRepair(HostFile file, WorkObserver observer) {
        this.target = new RepairFile(file);
        this.observer = observer;
    }

    /**
     * Repairs {@code file}, open and locked for writing.
     *
     * @return what a check finds afterwards, and how much of what one found before is repaired
     */
    public static CheckReport repair(HostFile file, ImageCheck.Repair repair, WorkObserver observer)
            throws IOException {
        ImageRepair run = new ImageRepair(file, observer);
        CheckRun found = run.check();
        CheckReport before = found.report();
        switch (repair) {
            case LEAKS -> run.repairLeaks(found, before);
            case ALL -> run.repairAll(before);
        }
        CheckReport after = run.check().report();
        if (after.corruptions() == 0 && after.checkErrors() == 0) {
            run.target.markSound();
        }
        return after.afterRepair(
                Math.max(0, before.corruptions() - after.corruptions()),
                Math.max(0, before.leaks() - after.leaks()),
                unrepaired(repair, after));
    }

    private static @Nullable String unrepaired(ImageCheck.Repair repair, CheckReport after) {
        if (repair == ImageCheck.Repair.LEAKS) {
            return after.leaks() == 0
                    ? null
                    : "leaks: there are other faults, and what seems leaked may be what a lost pointer led to;"
                            + " \"repair\": \"all\" repairs both";
        }
        return after.isClean()
                ? null
                : "refcount-overflow: refcounts of version 2 have 16 bits; a copy of the disk, as by qemu-img convert,"
                        + " needs no more";
    }

    private CheckRun check() throws IOException {
        return CheckRun.over(target.file(), HeaderReader.read(target.file()), observer);
    }

    /** Where pointers may be lost, what looks leaked may be what they led to. */
    private void repairLeaks(CheckRun found, CheckReport before) throws IOException {
        if (before.leaks() > 0 && found.losesNoPointer()) {
            repairCounts();
        }
    }

    private void repairAll(CheckReport before) throws IOException {
        if (before.isClean()) {
            return;
        }
        if (before.corruptions() > 0 || before.checkErrors() > 0) {
            target.markCorrupt(HeaderReader.read(target.file()));
            repairEntries();
        }
        repairCounts();
    }

    private void repairEntries() throws IOException {
        repairFeatures(HeaderReader.read(target.file()));
        CheckRun found = check();
        ImageHeader header = HeaderReader.read(target.file());
        List<L1Place> l1Tables = new SnapshotTableRepair(target, header, found).repair();
        new BitmapRepair(target, header, found).repair();
        new EntryRepair(target, found, new WorkThreads(observer)).repair(l1Tables);
        target.sync();
    }

    private void repairFeatures(ImageHeader header) throws IOException {
        if (CheckRun.saysRawWithoutDataFile(header)) {
            long autoclear = header.features().autoclear() & ~Features.RAW_EXTERNAL_DATA;
            target.writeLong(HeaderLayout.AUTOCLEAR_FEATURES, autoclear);
        }
    }

    private void repairCounts() throws IOException {
        target.markDirty(HeaderReader.read(target.file()));
        CheckRun found = check();
        ImageHeader header = HeaderReader.read(target.file());
        CountRepair counts = new CountRepair(target, header, found, new WorkThreads(observer));
        CopiedFlagRepair flags = new CopiedFlagRepair(target, header, found, new WorkThreads(observer));
        flags.clear();
        target.sync();
        if (counts.isPossibleInPlace()) {
            counts.repairInPlace();
        } else {
            counts.rebuild();
        }
        target.sync();
        flags.set();
        target.sync();
    }
}
