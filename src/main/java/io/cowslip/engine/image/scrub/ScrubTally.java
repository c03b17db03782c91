package io.cowslip.engine.image.scrub;

import io.cowslip.engine.image.scrub.ScrubFinding.Kind;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;
import java.util.TreeMap;

/**
 * Counts what a scrub reads, and keeps the first of what it cannot read with the states of the disk that have it. Used by
 * one thread.
 */
final class ScrubTally {
    /** Findings that are kept; more than this nobody reads. */
    static final int MAX_FINDINGS = 1000;

    private static final Comparator<Place> ORDER = Comparator.comparingInt(Place::depth)
            .thenComparingLong(Place::guestOffset)
            .thenComparingLong(Place::entry);

    private final TreeMap<Place, Found> findings = new TreeMap<>(ORDER);
    private long clusters;
    private long compressedClusters;
    private long bytes;
    private long unreadable;
    private long unreadableBytes;

    /**
     * Where something is that may be found unreadable.
     *
     * @param entry the table entry that leads there: states of a disk with the same entry share what it leads to
     */
    record Place(int depth, long guestOffset, long entry) {}

    /** A state of a disk: the active one, or a snapshot. */
    record Owner(boolean active, String snapshot) {
        static final Owner ACTIVE = new Owner(true, "");

        static Owner ofSnapshot(String name) {
            return new Owner(false, name);
        }
    }

    private record Found(Kind kind, Path file, long lengthBytes, long hostOffset, String detail, Set<Owner> owners) {}

    /** Clusters that were read, and the bytes of the file that this took. */
    void read(long clusterCount, long lengthBytes) {
        clusters += clusterCount;
        bytes += lengthBytes;
    }

    /** A compressed cluster that was read and decompressed. */
    void decompressed(long payloadBytes) {
        read(1, payloadBytes);
        compressedClusters++;
    }

    long bytes() {
        return bytes;
    }

    /** Something that cannot be read. */
    void found(Place place, Owner owner, Kind kind, Path file, long lengthBytes, long hostOffset, String detail) {
        unreadable++;
        unreadableBytes += lengthBytes;
        if (findings.size() < MAX_FINDINGS) {
            Set<Owner> owners = new LinkedHashSet<>(List.of(owner));
            findings.put(place, new Found(kind, file, lengthBytes, hostOffset, detail, owners));
        }
    }

    /** Whether that was found before; if so, {@code owner} has it as well. */
    boolean isKnown(Place place, Owner owner) {
        Found known = findings.isEmpty() ? null : findings.get(place);
        if (known == null) {
            return false;
        }
        add(known, owner);
        return true;
    }

    /** What was found of {@code owner} from {@code start} to before {@code end} is {@code other}'s as well. */
    void share(int depth, long start, long end, Owner owner, Owner other) {
        if (findings.isEmpty()) {
            return;
        }
        Place from = new Place(depth, start, Long.MIN_VALUE);
        Place to = new Place(depth, end, Long.MIN_VALUE);
        for (Found found : findings.subMap(from, to).values()) {
            if (found.owners.contains(owner)) {
                add(found, other);
            }
        }
    }

    private static void add(Found found, Owner owner) {
        if (owner.active() || found.owners.size() <= ScrubFinding.MAX_SNAPSHOTS) {
            found.owners.add(owner);
        }
    }

    ScrubReport report() {
        List<ScrubFinding> listed = new ArrayList<>();
        findings.forEach((place, found) -> listed.add(new ScrubFinding(
                found.kind,
                found.file,
                place.depth(),
                place.guestOffset(),
                found.lengthBytes,
                found.hostOffset,
                found.owners.contains(Owner.ACTIVE),
                found.owners.stream()
                        .filter(owner -> !owner.active())
                        .map(Owner::snapshot)
                        .limit(ScrubFinding.MAX_SNAPSHOTS)
                        .toList(),
                found.detail)));
        return new ScrubReport(clusters, compressedClusters, bytes, unreadable, unreadableBytes, listed);
    }
}
