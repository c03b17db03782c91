package io.cowslip.catalog;

import io.cowslip.access.Reach;
import io.cowslip.job.IdempotencyKey;
import io.cowslip.job.JobCatalog;
import io.cowslip.job.JobId;
import io.cowslip.job.JobState;
import io.cowslip.job.StoredRequest;
import java.time.Instant;
import java.util.List;
import java.util.Locale;
import org.jspecify.annotations.Nullable;
import org.springframework.data.annotation.Id;

/** A row of the table {@code job}: {@link JobCatalog.Entry} says what is what. */
record JobRow(
        @Id String id,
        String type,
        String request,
        boolean requestComplete,
        @Nullable String idempotencyKey,
        @Nullable String fingerprint,
        String state,
        long doneBytes,
        long totalBytes,
        long bytesPerSecond,
        Instant created,
        @Nullable Instant started,
        @Nullable Instant ended,
        @Nullable String result,
        @Nullable String problem,
        @Nullable String prefixes) {
    private static final String BETWEEN_PREFIXES = "\n";

    static JobRow of(JobCatalog.Entry job) {
        IdempotencyKey key = job.key();
        return new JobRow(
                job.id().value(),
                job.type(),
                job.request().text(),
                job.request().complete(),
                key == null ? null : key.value(),
                key == null ? null : key.fingerprint(),
                job.state().name().toLowerCase(Locale.ROOT),
                job.doneBytes(),
                job.totalBytes(),
                job.bytesPerSecond(),
                job.created(),
                job.started(),
                job.ended(),
                job.result(),
                job.problem(),
                prefixes(job.reach()));
    }

    private static @Nullable String prefixes(Reach reach) {
        return reach.prefixes() == null ? null : String.join(BETWEEN_PREFIXES, reach.prefixes());
    }

    JobCatalog.Entry entry() {
        return new JobCatalog.Entry(
                new JobId(id),
                type,
                new StoredRequest(request, requestComplete),
                idempotencyKey == null || fingerprint == null ? null : new IdempotencyKey(idempotencyKey, fingerprint),
                JobState.valueOf(state.toUpperCase(Locale.ROOT)),
                doneBytes,
                totalBytes,
                bytesPerSecond,
                created,
                started,
                ended,
                result,
                problem,
                reach());
    }

    private Reach reach() {
        if (prefixes == null) {
            return Reach.EVERYWHERE;
        }
        return prefixes.isEmpty() ? Reach.NOWHERE : new Reach(List.of(prefixes.split(BETWEEN_PREFIXES, -1)));
    }
}
