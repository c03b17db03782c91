package io.cowslip.job;

import io.cowslip.job.JobException.Reason;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.concurrent.ConcurrentHashMap;

/** A catalogue in memory, which refuses changes when told to. */
final class HandJobCatalog implements JobCatalog {
    final Map<JobId, Entry> entries = new ConcurrentHashMap<>();
    volatile boolean refuses;

    /** The same as of now, which changes of this one do not reach. */
    HandJobCatalog copy() {
        HandJobCatalog copy = new HandJobCatalog();
        copy.entries.putAll(entries);
        return copy;
    }

    Entry entry(JobId id) {
        return Objects.requireNonNull(entries.get(id));
    }

    @Override
    public List<Entry> jobs() {
        return entries.values().stream()
                .sorted(Comparator.comparing(Entry::created))
                .toList();
    }

    @Override
    public void put(Entry job) {
        change();
        entries.put(job.id(), job);
    }

    @Override
    public void update(Entry job) {
        change();
        entries.replace(job.id(), job);
    }

    @Override
    public void progress(JobId id, long doneBytes, long totalBytes) {
        change();
        entries.computeIfPresent(
                id,
                (same, job) -> new Entry(
                        id,
                        job.type(),
                        job.request(),
                        job.key(),
                        job.state(),
                        doneBytes,
                        totalBytes,
                        job.bytesPerSecond(),
                        job.created(),
                        job.started(),
                        job.ended(),
                        job.result(),
                        job.problem(),
                        job.reach()));
    }

    @Override
    public void remove(JobId id) {
        change();
        entries.remove(id);
    }

    private void change() {
        if (refuses) {
            throw new JobException(Reason.UNAVAILABLE, "not now");
        }
    }
}
