package io.cowslip.testing;

import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicLong;

/**
 * What several threads do to one disk, sector by sector, and what each of them may read: of the values written there one
 * that no later write had wholly replaced before the read began. A sector holds one value all over, as longs.
 */
public final class SharedDisk {
    private static final int SECTOR = 512;

    private final AtomicLong clock = new AtomicLong(1);
    private final AtomicLong values = new AtomicLong();
    private final List<List<Change>> sectors = new ArrayList<>();

    /** One write, from when it began to when it had returned. */
    public static final class Change {
        private final long value;
        private final int firstSector;
        private final int sectorCount;
        private final long begin;
        private volatile long end = Long.MAX_VALUE;

        private Change(long value, int firstSector, int sectorCount, long begin) {
            this.value = value;
            this.firstSector = firstSector;
            this.sectorCount = sectorCount;
            this.begin = begin;
        }

        public long value() {
            return value;
        }
    }

    /** A disk that holds {@code initialValue} all over. */
    public SharedDisk(int sizeBytes, long initialValue) {
        for (int sector = 0; sector < sizeBytes / SECTOR; sector++) {
            Change initial = new Change(initialValue, sector, 1, 0);
            initial.end = 0;
            sectors.add(new ArrayList<>(List.of(initial)));
        }
    }

    /** Begins a write of a value that nobody else writes. */
    public Change beginWrite(int firstSector, int sectorCount) {
        return begin(new Change(values.incrementAndGet(), firstSector, sectorCount, clock.getAndIncrement()));
    }

    /** Begins making sectors zero. */
    public Change beginZero(int firstSector, int sectorCount) {
        return begin(new Change(0, firstSector, sectorCount, clock.getAndIncrement()));
    }

    private Change begin(Change change) {
        for (int i = 0; i < change.sectorCount; i++) {
            List<Change> changes = sectors.get(change.firstSector + i);
            synchronized (changes) {
                changes.add(change);
            }
        }
        return change;
    }

    public void end(Change change) {
        change.end = clock.getAndIncrement();
    }

    /** To be asked for before a read. */
    public long now() {
        return clock.getAndIncrement();
    }

    /** What is wrong with the longs that a read from {@code firstSector}, begun at {@code readBegin}, found, if anything. */
    public Optional<String> fault(int firstSector, long[] found, long readBegin) {
        for (int i = 0; i < found.length; i++) {
            int sector = firstSector + i * Long.BYTES / SECTOR;
            if ((i * Long.BYTES % SECTOR == 0 || found[i] != found[i - 1]) && !allowed(sector, found[i], readBegin)) {
                return Optional.of("sector " + sector + " reads " + found[i] + ", which is not there or no more");
            }
        }
        return Optional.empty();
    }

    private boolean allowed(int sector, long value, long readBegin) {
        List<Change> changes = sectors.get(sector);
        synchronized (changes) {
            long lastReplacement = changes.stream()
                    .filter(change -> change.end < readBegin)
                    .mapToLong(change -> change.begin)
                    .max()
                    .orElse(0);
            return changes.stream().anyMatch(change -> change.value == value && change.end >= lastReplacement);
        }
    }
}
