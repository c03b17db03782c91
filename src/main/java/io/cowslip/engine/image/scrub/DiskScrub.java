package io.cowslip.engine.image.scrub;

import io.cowslip.engine.ImageException;
import io.cowslip.engine.image.DiskImage;
import io.cowslip.engine.image.layer.ImageLayer;
import io.cowslip.engine.image.layer.Qcow2Layer;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;

/**
 * Reads every cluster that an image has data in, decompresses those that are compressed, and tells of what cannot be
 * read. What zeros are, and what nothing was ever written to, is not read.
 *
 * <p>The work is done in steps of a few megabytes, each within a request of the image, so that the image is used
 * meanwhile like any other; between two steps nothing is held back, and snapshots come and go. Tables are read past the
 * drive's L2 cache, which stays as it is. Of a disk that is written to meanwhile, what it held when it was come to is
 * read. Used by one thread.
 */
public final class DiskScrub {
    /** What a step reads where nobody says otherwise. */
    public static final int STEP_BYTES = 2 << 20;

    private final boolean snapshots;
    private final boolean chain;
    private final long stepBytes;
    private final ScrubTally tally = new ScrubTally();
    private final List<LayerScrub> layers = new ArrayList<>();
    private int depth;

    /**
     * @param snapshots whether what snapshots have is read as well
     * @param chain whether the layers below are read as well, each with all that it has
     * @param stepBytes about how much a step reads
     */
    public DiskScrub(boolean snapshots, boolean chain, long stepBytes) {
        this.snapshots = snapshots;
        this.chain = chain;
        this.stepBytes = stepBytes;
    }

    /**
     * Goes on with {@code image}, the same in each step.
     *
     * @return whether anything is left for another step
     * @throws ImageException INVALID_OPTION naming {@code snapshots} when the image reads a snapshot beside another one that
     *     may change them; INVALID_FORMAT when the image's table of snapshots is damaged
     */
    public boolean step(DiskImage image) throws IOException {
        if (snapshots && image.isBeside()) {
            throw ImageException.invalidOption(
                    "snapshots",
                    "snapshots is true, but the drive reads one snapshot of an image that another drive writes; scrub"
                            + " that drive");
        }
        return image.reading(top -> step(top, image.snapshotChanges()));
    }

    private boolean step(ImageLayer top, long snapshotChanges) throws IOException {
        if (layers.isEmpty()) {
            plan(top);
        }
        ImageLayer layer = top;
        for (int above = 0; above < depth; above++) {
            layer = Objects.requireNonNull(layer.backing());
        }
        // The snapshots of the layers below do not change while those are open.
        if (!layers.get(depth).step(layer, depth == 0 ? snapshotChanges : 0, stepBytes)) {
            depth++;
        }
        return depth < layers.size();
    }

    private void plan(ImageLayer top) {
        for (ImageLayer layer = top; layer != null; layer = chain ? layer.backing() : null) {
            layers.add(
                    layer instanceof Qcow2Layer
                            ? new Qcow2Scrub(layers.size(), layer.virtualSizeBytes(), snapshots, tally)
                            : new PlainScrub(layers.size(), layer.virtualSizeBytes(), tally));
        }
    }

    /** Bytes of disks that were gone over so far. */
    public long doneBytes() {
        return layers.stream().mapToLong(LayerScrub::doneBytes).sum();
    }

    /** Bytes of disks to go over, as far as it is known by now. */
    public long totalBytes() {
        return layers.stream()
                .mapToLong(layer -> Math.max(layer.doneBytes(), layer.totalBytes()))
                .sum();
    }

    /** Bytes of files that were read so far. */
    public long readBytes() {
        return tally.bytes();
    }

    /** What was found so far. */
    public ScrubReport report() {
        return tally.report();
    }
}
