package io.cowslip.catalog;

import io.cowslip.job.IdempotencyKey;
import io.cowslip.job.JobCatalog;
import io.cowslip.job.JobId;
import io.cowslip.job.JobState;
import io.cowslip.job.StoredRequest;
import java.time.Instant;
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
        @Nullable String problem) {

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
                job.problem());
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
                problem);
    }
}
