package io.cowslip.catalog;

import io.cowslip.job.JobCatalog;
import io.cowslip.job.JobException;
import io.cowslip.job.JobException.Reason;
import io.cowslip.job.JobId;
import java.util.ArrayList;
import java.util.List;
import org.springframework.data.domain.Sort;
import org.springframework.data.jdbc.core.JdbcAggregateOperations;
import org.springframework.jdbc.core.simple.JdbcClient;

/** Jobs in the table {@code job}. */
final class JdbcJobCatalog implements JobCatalog {
    private final JdbcAggregateOperations rows;
    private final JdbcClient jdbc;
    private final CatalogChanges changes;

    JdbcJobCatalog(JdbcAggregateOperations rows, JdbcClient jdbc, CatalogChanges changes) {
        this.rows = rows;
        this.jdbc = jdbc;
        this.changes = changes;
    }

    @Override
    public List<Entry> jobs() {
        List<Entry> jobs = new ArrayList<>();
        rows.findAll(JobRow.class, Sort.by("created", "id")).forEach(row -> jobs.add(row.entry()));
        return jobs;
    }

    @Override
    public void put(Entry job) {
        JobRow row = JobRow.of(job);
        change(() -> {
            if (rows.existsById(row.id(), JobRow.class)) {
                rows.update(row);
            } else {
                rows.insert(row);
            }
        });
    }

    @Override
    public void update(Entry job) {
        JobRow row = JobRow.of(job);
        change(() -> {
            if (rows.existsById(row.id(), JobRow.class)) {
                rows.update(row);
            }
        });
    }

    @Override
    public void progress(JobId id, long doneBytes, long totalBytes) {
        changes.makeSoon(
                () -> jdbc.sql("update job set done_bytes = ?, total_bytes = ? where id = ? and state = 'running'")
                        .params(doneBytes, totalBytes, id.value())
                        .update(),
                JdbcJobCatalog::refusal);
    }

    @Override
    public void remove(JobId id) {
        change(() -> rows.deleteById(id.value(), JobRow.class));
    }

    private void change(Runnable change) {
        changes.make(change, JdbcJobCatalog::refusal);
    }

    private static JobException refusal(String why) {
        return new JobException(Reason.UNAVAILABLE, why);
    }
}
