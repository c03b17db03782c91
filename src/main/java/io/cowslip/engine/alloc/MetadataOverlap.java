package io.cowslip.engine.alloc;

import io.cowslip.engine.ImageException;
import io.cowslip.engine.cache.ResidentTable;
import io.cowslip.engine.format.ImageGeometry;
import io.cowslip.engine.format.MetadataKind;
import java.nio.file.Path;
import java.util.EnumMap;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * Where a writable image has its metadata, so that nothing is written over it: QEMU's {@code overlap-check}. When tables
 * are damaged, an entry may lead a guest's write into a table, or a count may call a table's cluster free; asked before
 * each write, this refuses it.
 *
 * <p>It follows what is in memory: the L1 table and the refcount table tell it of each change themselves ({@link
 * #follow}), all else is told by whoever moves it, with {@link #add} before the file leads there and {@link #remove} once
 * it no longer does and before the clusters are let go.
 *
 * <p>To ask costs a look into one bitmap for each kind, far less than the write that it is for: so in-place writes of
 * guests ask as well. Any thread may ask, without a lock; changes are made under the image's metadata lock.
 */
public final class MetadataOverlap {
    /** Offsets of tables and blocks in the entries that lead to them (qcow2 specification, both tables). */
    private static final long OFFSET_MASK = 0x00FF_FFFF_FFFF_FE00L;

    private final Path path;
    private final ImageGeometry geometry;
    private final Map<MetadataKind, ClusterSet> places = new EnumMap<>(MetadataKind.class);
    private volatile Watched[] watched = {};

    private record Watched(MetadataKind kind, ClusterSet clusters) {}

    /** Knows of nothing yet, and looks out for nothing until {@link #lookOutFor} says for what. */
    public MetadataOverlap(Path path, ImageGeometry geometry) {
        this.path = path;
        this.geometry = geometry;
        for (MetadataKind kind : MetadataKind.values()) {
            places.put(kind, new ClusterSet());
        }
    }

    /** Looks out for these kinds from now on. */
    public void lookOutFor(Set<MetadataKind> kinds) {
        watched = kinds.stream()
                .sorted()
                .map(kind -> new Watched(kind, clustersOf(kind)))
                .toArray(Watched[]::new);
    }

    /** Metadata of {@code kind} lies, or is about to lie, in this range of the file. */
    public void add(MetadataKind kind, long hostOffset, long lengthBytes) {
        for (long cluster = first(hostOffset); cluster < end(hostOffset, lengthBytes); cluster++) {
            clustersOf(kind).add(cluster);
        }
    }

    /** Takes back one {@link #add}. */
    public void remove(MetadataKind kind, long hostOffset, long lengthBytes) {
        for (long cluster = first(hostOffset); cluster < end(hostOffset, lengthBytes); cluster++) {
            clustersOf(kind).remove(cluster);
        }
    }

    /** There is no metadata of {@code kind} any more. */
    public void removeAll(MetadataKind kind) {
        clustersOf(kind).clear();
    }

    /** Knows from now on of every cluster of {@code kind} that an entry of {@code table} leads to. */
    public void follow(ResidentTable table, MetadataKind kind) {
        for (int index = 0; index < table.entryCount(); index++) {
            addEntry(kind, table.entry(index));
        }
        followChanges(table, kind);
    }

    /** The same for a table whose entries are known. */
    void followChanges(ResidentTable table, MetadataKind kind) {
        table.observe((old, entry) -> {
            addEntry(kind, entry);
            removeEntry(kind, old);
        });
    }

    /** Knows from now on of every cluster that these entries of a table lead to. */
    public void addEntries(MetadataKind kind, long[] entries) {
        for (long entry : entries) {
            addEntry(kind, entry);
        }
    }

    /** Takes back one {@link #addEntries}. */
    public void removeEntries(MetadataKind kind, long[] entries) {
        for (long entry : entries) {
            removeEntry(kind, entry);
        }
    }

    private void addEntry(MetadataKind kind, long entry) {
        if ((entry & OFFSET_MASK) != 0) {
            add(kind, entry & OFFSET_MASK, geometry.clusterBytes());
        }
    }

    private void removeEntry(MetadataKind kind, long entry) {
        if ((entry & OFFSET_MASK) != 0) {
            remove(kind, entry & OFFSET_MASK, geometry.clusterBytes());
        }
    }

    /**
     * Refuses a write that would hit metadata. Any thread.
     *
     * @param own what is written, which may lie where it lies; null for the guest's bytes
     * @throws ImageException CORRUPT: tables contradict each other
     */
    public void requireNoneIn(long hostOffset, long lengthBytes, @Nullable MetadataKind own) throws ImageException {
        MetadataKind hit = lengthBytes == 0 ? null : hit(first(hostOffset), end(hostOffset, lengthBytes), own);
        if (hit != null) {
            throw wouldHit(hit, own == null ? "the guest's bytes" : own.inWords(), hostOffset, lengthBytes);
        }
    }

    /** The same for an L2 table that the active disk and snapshots may share. */
    public void requireOnlyL2In(long hostOffset, long lengthBytes) throws ImageException {
        for (Watched each : watched) {
            boolean other = each.kind != MetadataKind.ACTIVE_L2 && each.kind != MetadataKind.INACTIVE_L2;
            if (other && each.clusters.anyIn(first(hostOffset), end(hostOffset, lengthBytes))) {
                throw wouldHit(each.kind, MetadataKind.ACTIVE_L2.inWords(), hostOffset, lengthBytes);
            }
        }
    }

    private ImageException wouldHit(MetadataKind hit, String written, long hostOffset, long lengthBytes) {
        return ImageException.of(
                ImageException.Kind.CORRUPT,
                path,
                "a write of " + written + " to " + lengthBytes + " bytes at " + hostOffset + " of the file would hit "
                        + hit.inWords());
    }

    /**
     * Refuses to give out or take back a cluster that holds metadata, whatever its count says.
     *
     * @throws ImageException CORRUPT: the counts are wrong
     */
    void requireNoneIn(long cluster) throws ImageException {
        MetadataKind hit = hit(cluster, cluster + 1, null);
        if (hit != null) {
            throw ImageException.of(
                    ImageException.Kind.CORRUPT,
                    path,
                    "cluster " + cluster + " holds " + hit.inWords() + " but its refcount calls it free");
        }
    }

    private @Nullable MetadataKind hit(long first, long end, @Nullable MetadataKind own) {
        for (Watched each : watched) {
            if (each.kind != own && each.clusters.anyIn(first, end)) {
                return each.kind;
            }
        }
        return null;
    }

    private ClusterSet clustersOf(MetadataKind kind) {
        return Objects.requireNonNull(places.get(kind));
    }

    private long first(long hostOffset) {
        return hostOffset >>> geometry.clusterBits();
    }

    private long end(long hostOffset, long lengthBytes) {
        if (lengthBytes == 0) {
            // A table without entries is nowhere, even where its place is within a cluster.
            return first(hostOffset);
        }
        return (hostOffset + lengthBytes + geometry.clusterBytes() - 1) >>> geometry.clusterBits();
    }
}
