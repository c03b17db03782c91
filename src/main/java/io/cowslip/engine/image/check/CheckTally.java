package io.cowslip.engine.image.check;

import io.cowslip.engine.image.check.CheckFinding.Kind;
import io.cowslip.engine.image.check.CheckFinding.Table;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.concurrent.atomic.LongAdder;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/** Counts faults while several threads find them, and keeps the first of them in each table. */
final class CheckTally {
    /** Findings that are kept of each table, and as many leaks; more than this nobody reads. */
    static final int MAX_FINDINGS = 100;

    private final LongAdder corruptions = new LongAdder();
    private final LongAdder flagsAgainstCounts = new LongAdder();
    private final LongAdder leaks = new LongAdder();
    private final LongAdder checkErrors = new LongAdder();
    private final LongAdder allocated = new LongAdder();
    private final LongAdder fragmented = new LongAdder();
    private final LongAdder compressed = new LongAdder();
    private final LongAdder omitted = new LongAdder();
    private final Map<Table, List<CheckFinding>> grave = new EnumMap<>(Table.class);
    private final List<CheckFinding> leaked = new ArrayList<>();

    CheckTally() {
        for (Table table : Table.values()) {
            grave.put(table, new ArrayList<>());
        }
    }

    /** Where a finding is made; {@code guestOffset} is -1 where it cannot be said. */
    record Place(Table table, @Nullable String name, long index, long guestOffset) {}

    /**
     * Counts a fault.
     *
     * @param times as often as the entry at fault is reached
     * @param detail asked only for what is kept: there may be millions of faults
     */
    void corruption(Kind kind, Place place, long hostOffset, long times, Supplier<String> detail) {
        corruptions.add(times);
        keep(graveOf(place), kind, place, hostOffset, detail);
    }

    /** A COPIED flag that contradicts a refcount. */
    void flagAgainstCount(Place place, long hostOffset, long times, Supplier<String> detail) {
        flagsAgainstCounts.add(times);
        corruption(Kind.COPIED_FLAG, place, hostOffset, times, detail);
    }

    private List<CheckFinding> graveOf(Place place) {
        return Objects.requireNonNull(grave.get(place.table()));
    }

    void leak(long cluster, long hostOffset, Supplier<String> detail) {
        leaks.increment();
        keep(leaked, Kind.LEAK, new Place(Table.REFCOUNT_BLOCK, null, cluster, -1), hostOffset, detail);
    }

    void checkErrors(long count, Place place, long hostOffset, Supplier<String> detail) {
        checkErrors.add(count);
        keep(graveOf(place), Kind.REFCOUNT_UNKNOWN, place, hostOffset, detail);
    }

    void guestClusters(long allocatedClusters, long fragmentedClusters, long compressedClusters) {
        allocated.add(allocatedClusters);
        fragmented.add(fragmentedClusters);
        compressed.add(compressedClusters);
    }

    /**
     * Whether nothing that was found can mean that a pointer is lost: then what is leaked is not what one led to. Flags
     * contradict counts that are too high; counts too low may be those of a cluster that a damaged pointer leads to.
     */
    boolean losesNoPointer() {
        return checkErrors.sum() == 0 && corruptions.sum() == flagsAgainstCounts.sum();
    }

    private void keep(List<CheckFinding> findings, Kind kind, Place place, long hostOffset, Supplier<String> detail) {
        synchronized (findings) {
            if (findings.size() < MAX_FINDINGS) {
                findings.add(new CheckFinding(
                        kind,
                        place.table(),
                        place.name(),
                        place.index(),
                        place.guestOffset(),
                        hostOffset,
                        detail.get()));
                return;
            }
        }
        omitted.increment();
    }

    /** The report, once all threads are done. */
    CheckReport report(long totalClusters, long imageEndOffset) {
        List<CheckFinding> findings = new ArrayList<>();
        grave.values().forEach(findings::addAll);
        findings.addAll(leaked);
        return new CheckReport(
                checkErrors.sum(),
                imageEndOffset,
                totalClusters,
                allocated.sum(),
                fragmented.sum(),
                compressed.sum(),
                corruptions.sum(),
                leaks.sum(),
                0,
                0,
                findings,
                omitted.sum(),
                null);
    }
}
