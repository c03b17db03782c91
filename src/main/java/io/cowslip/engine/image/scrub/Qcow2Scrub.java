package io.cowslip.engine.image.scrub;

import io.cowslip.engine.ImageException;
import io.cowslip.engine.format.ImageGeometry;
import io.cowslip.engine.format.ImageHeader;
import io.cowslip.engine.format.L1Entry;
import io.cowslip.engine.format.SnapshotRecord;
import io.cowslip.engine.image.file.HeaderReader;
import io.cowslip.engine.image.layer.ImageLayer;
import io.cowslip.engine.image.layer.Qcow2Layer;
import io.cowslip.engine.image.scrub.ScrubFinding.Kind;
import io.cowslip.engine.image.scrub.ScrubTally.Place;
import io.cowslip.engine.image.snapshot.SnapshotReader;
import java.io.IOException;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Objects;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * The scrub of a qcow2 layer: of its active disk, and then of its snapshots from the newest to the oldest. What one of
 * them has like the one before it, or like the active disk, was read by then: of whole L2 tables that they share nothing
 * is looked at.
 */
final class Qcow2Scrub implements LayerScrub {
    /** How many L1 entries a step looks at. */
    private static final int MOST_TABLES = 8192;

    private final int depth;
    private final boolean withSnapshots;
    private final ScrubTally tally;

    /** Ids of the snapshots that were gone over, and null for the active disk. */
    private final Set<@Nullable String> finished = new HashSet<>();

    private final List<ScrubState> states = new ArrayList<>();
    private @Nullable Qcow2Layer layer;
    private long snapshotChanges;
    private boolean activeStays = true;
    private int current;
    private long position;
    private long doneBefore;
    private final long expectedBytes;

    /** @param expectedBytes size of the layer's disk */
    Qcow2Scrub(int depth, long expectedBytes, boolean withSnapshots, ScrubTally tally) {
        this.expectedBytes = expectedBytes;
        this.depth = depth;
        this.withSnapshots = withSnapshots;
        this.tally = tally;
    }

    @Override
    public boolean step(ImageLayer given, long changes, long bytes) throws IOException {
        Qcow2Layer open = (Qcow2Layer) given;
        follow(open, changes);
        states.getFirst().forget();
        ClusterReader reader = new ClusterReader(open, depth, tally);
        ImageGeometry geometry = open.geometry();
        // A table is read anew in each step, which is to read more than that.
        long left = Math.max(bytes, 4L * geometry.clusterBytes());
        for (int tables = 0; left > 0 && tables < MOST_TABLES; tables++) {
            if (current == states.size()) {
                return false;
            }
            ScrubState state = states.get(current);
            if (position >= state.diskBytes()) {
                finish(state);
            } else {
                left -= scrubTable(state, reader, geometry, left);
            }
        }
        return current < states.size();
    }

    private void finish(ScrubState state) {
        finished.add(state.id());
        doneBefore += state.diskBytes();
        position = 0;
        if (current > 1) {
            states.get(current - 1).release();
        }
        current++;
        while (current < states.size() && finished.contains(states.get(current).id())) {
            current++;
        }
    }

    /** Snapshots come and go between two steps, and the layer is another one once it was opened for writing. */
    private void follow(Qcow2Layer open, long changes) throws IOException {
        if (layer == open && snapshotChanges == changes) {
            return;
        }
        // Going back to a snapshot makes the active disk one that was not read.
        activeStays &= layer == null || snapshotChanges == changes;
        String currentId = current < states.size() ? states.get(current).id() : null;
        boolean begun = layer != null;
        layer = open;
        snapshotChanges = changes;
        states.clear();
        states.add(ScrubState.active(open));
        if (withSnapshots) {
            addSnapshots(open);
        }
        if (begun) {
            takeUp(currentId);
        }
    }

    private void addSnapshots(Qcow2Layer open) throws IOException {
        ImageHeader header = HeaderReader.read(open.file());
        for (SnapshotRecord snapshot :
                SnapshotReader.read(open.file(), header).snapshots().reversed()) {
            states.add(ScrubState.of(snapshot, SnapshotReader.diskBytes(snapshot, header, open.file()), open));
        }
    }

    private void takeUp(@Nullable String id) {
        for (current = 0; current < states.size(); current++) {
            if (Objects.equals(states.get(current).id(), id)) {
                return;
            }
        }
        position = 0;
        current = 0;
        while (current < states.size() && finished.contains(states.get(current).id())) {
            current++;
        }
    }

    /** States that were gone over, with which {@code state} may have much in common. */
    private List<ScrubState> likely() {
        List<ScrubState> likely = new ArrayList<>(2);
        if (current > 0 && activeStays) {
            likely.add(states.getFirst());
        }
        if (current > 1 && finished.contains(states.get(current - 1).id())) {
            likely.add(states.get(current - 1));
        }
        return likely;
    }

    /** Goes on to the end of an L2 table at most, and says how much was read. */
    private long scrubTable(ScrubState state, ClusterReader reader, ImageGeometry geometry, long mostBytes)
            throws IOException {
        int index = (int) (position / geometry.guestBytesPerTable());
        long end = Math.min(state.diskBytes(), (index + 1) * geometry.guestBytesPerTable());
        long l1Entry;
        try {
            l1Entry = state.l1Entry(index);
        } catch (ImageException failure) {
            // The whole rest of the state hangs on its L1 table.
            lost(state, reader, state.diskBytes(), -1, PlainScrub.requireOfImage(failure));
            return 0;
        }
        long table = L1Entry.tableOffset(l1Entry);
        if (table == 0 || isShared(state, index, table, end)) {
            position = end;
            return 0;
        }
        if (tally.isKnown(new Place(depth, position, ~table), state.owner())) {
            position = end;
            return 0;
        }
        try {
            state.load(index, l1Entry);
        } catch (ImageException failure) {
            lost(state, reader, end, table, PlainScrub.requireOfImage(failure));
            return 0;
        }
        return scrubClusters(state, reader, geometry, loadLikely(index, end), end, mostBytes);
    }

    private boolean isShared(ScrubState state, int index, long table, long end) throws IOException {
        for (ScrubState other : likely()) {
            if (other.diskBytes() >= end && tableOf(other, index) == table) {
                tally.share(depth, position, end, other.owner(), state.owner());
                return true;
            }
        }
        return false;
    }

    /** Where another state has its table; 0: nowhere, or nobody can say. */
    private static long tableOf(ScrubState state, int index) throws IOException {
        try {
            return L1Entry.tableOffset(state.l1Entry(index));
        } catch (ImageException failure) {
            PlainScrub.requireOfImage(failure);
            return 0;
        }
    }

    private List<ScrubState> loadLikely(int index, long end) throws IOException {
        List<ScrubState> loaded = new ArrayList<>(2);
        for (ScrubState other : likely()) {
            if (other.diskBytes() >= end && tableOf(other, index) != 0) {
                try {
                    other.load(index, other.l1Entry(index));
                    loaded.add(other);
                } catch (ImageException failure) {
                    // Was found when that one was gone over.
                    PlainScrub.requireOfImage(failure);
                }
            }
        }
        return loaded;
    }

    /** @param table where the table lies that cannot be read; negative: it is the L1 table */
    private void lost(ScrubState state, ClusterReader reader, long end, long table, ImageException failure) {
        reader.lost(
                new Place(depth, position, ~table),
                state.owner(),
                Kind.UNREADABLE_TABLE,
                end - position,
                table,
                String.valueOf(failure.getMessage()));
        position = end;
    }

    private long scrubClusters(
            ScrubState state,
            ClusterReader reader,
            ImageGeometry geometry,
            List<ScrubState> others,
            long end,
            long mostBytes)
            throws IOException {
        reader.begin(state);
        while (position < end && reader.readBytes() < mostBytes) {
            long cluster = position >>> geometry.clusterBits();
            long next = Math.min(end, (cluster + 1) << geometry.clusterBits());
            if (!isReadBefore(state, others, cluster, next)) {
                reader.read(cluster, next - position);
            }
            position = next;
        }
        reader.end();
        return reader.readBytes();
    }

    private boolean isReadBefore(ScrubState state, List<ScrubState> others, long cluster, long next) {
        for (ScrubState other : others) {
            if (state.isLike(other, cluster)) {
                tally.share(depth, position, next, other.owner(), state.owner());
                return true;
            }
        }
        return false;
    }

    @Override
    public long doneBytes() {
        return doneBefore + position;
    }

    @Override
    public long totalBytes() {
        return layer == null
                ? expectedBytes
                : doneBefore
                        + states.stream()
                                .skip(current)
                                .filter(state -> !finished.contains(state.id()))
                                .mapToLong(ScrubState::diskBytes)
                                .sum();
    }
}
