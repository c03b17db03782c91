package io.cowslip.catalog;

import static org.assertj.core.api.Assertions.assertThat;

import io.cowslip.access.Reach;
import io.cowslip.job.IdempotencyKey;
import io.cowslip.job.JobCatalog;
import io.cowslip.job.JobCatalog.Entry;
import io.cowslip.job.JobId;
import io.cowslip.job.JobState;
import io.cowslip.job.StoredRequest;
import java.nio.file.Path;
import java.time.Instant;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedClass;
import org.junit.jupiter.params.provider.EnumSource;
import org.springframework.context.ConfigurableApplicationContext;

@ParameterizedClass
@EnumSource(CatalogDatabase.class)
class JobCatalogTest {
    private static final Instant CREATED = Instant.parse("2026-10-25T00:59:59.123456Z");

    @TempDir
    private Path temporary;

    private final CatalogDatabase database;
    private String[] properties;
    private ConfigurableApplicationContext service;
    private JobCatalog catalog;

    JobCatalogTest(CatalogDatabase database) {
        this.database = database;
    }

    @BeforeEach
    void open() {
        properties = database.newDatabase(temporary);
        start();
    }

    private void start() {
        service = CatalogDatabase.open(properties);
        catalog = service.getBean(JobCatalog.class);
    }

    @AfterEach
    void close() {
        service.close();
    }

    private static Entry queued(String id, Instant created) {
        return new Entry(
                new JobId(id),
                "check",
                new StoredRequest("{\"type\":\"check\"}", true),
                null,
                JobState.QUEUED,
                0,
                0,
                0,
                created,
                null,
                null,
                null,
                null,
                Reach.EVERYWHERE);
    }

    private static Entry running(String id) {
        return full(id, JobState.RUNNING, null, null);
    }

    private static Entry full(String id, JobState state, @Nullable Instant ended, @Nullable String result) {
        return new Entry(
                new JobId(id),
                "convert",
                new StoredRequest("{\"file\":\"Ünïcode\"}", false),
                new IdempotencyKey("\u00e9".repeat(255), "f".repeat(64)),
                state,
                1L << 40,
                Long.MAX_VALUE,
                123_456_789_012L,
                CREATED,
                CREATED.plusNanos(1000),
                ended,
                result,
                result == null ? null : "{\"type\":\"/problems/busy\"}",
                result == null ? Reach.NOWHERE : Reach.beneath(List.of("tenants/a", "tenants/Ünïcode")));
    }

    @Test
    void whatIsPutIsThereWhenTheServiceStartsAnew() {
        Entry whole = full("whole", JobState.FAILED, CREATED.plusSeconds(3600), "[" + "1,".repeat(1_500_000) + "1]");
        Entry bare = queued("bare", CREATED.plusSeconds(1));
        catalog.put(bare);
        catalog.put(whole);
        service.close();
        start();
        assertThat(catalog.jobs()).containsExactly(whole, bare);
    }

    @Test
    void jobsAreInTheOrderInWhichTheyCame() {
        catalog.put(queued("c", CREATED));
        catalog.put(queued("a", CREATED.plusNanos(2000)));
        catalog.put(queued("b", CREATED.plusNanos(1000)));
        assertThat(catalog.jobs()).extracting(job -> job.id().value()).containsExactly("c", "b", "a");
    }

    @Test
    void aJobIsThereOnceAndChanges() {
        catalog.put(queued("a", CREATED));
        Entry again = queued("a", CREATED.plusSeconds(5));
        catalog.put(again);
        assertThat(catalog.jobs()).containsExactly(again);
        Entry ended = full("a", JobState.COMPLETED, CREATED, "{}");
        catalog.update(ended);
        assertThat(catalog.jobs()).containsExactly(ended);
    }

    @Test
    void whatWasForgottenIsNotChanged() {
        catalog.put(queued("a", CREATED));
        catalog.remove(new JobId("a"));
        catalog.remove(new JobId("a"));
        catalog.update(running("a"));
        catalog.progress(new JobId("a"), 1, 2);
        assertThat(catalog.jobs()).isEmpty();
    }

    @Test
    void onlyAJobThatRunsHasProgress() {
        catalog.put(running("a"));
        catalog.progress(new JobId("a"), 7, 8);
        assertThat(catalog.jobs()).singleElement().satisfies(job -> {
            assertThat(job.doneBytes()).isEqualTo(7);
            assertThat(job.totalBytes()).isEqualTo(8);
        });
        Entry ended = full("a", JobState.COMPLETED, CREATED, "{}");
        catalog.update(ended);
        catalog.progress(new JobId("a"), 9, 10);
        assertThat(catalog.jobs()).containsExactly(ended);
    }
}
