package io.cowslip.job;

import io.cowslip.drive.work.Comparisons;
import io.cowslip.drive.work.Conversions;
import io.cowslip.drive.work.DiskFacts;
import io.cowslip.drive.work.ImageChecks;
import io.cowslip.drive.work.Imports;
import io.cowslip.drive.work.Overlays;
import io.cowslip.drive.work.Scrubs;
import io.cowslip.drive.work.VolumeChanges;
import java.security.SecureRandom;
import java.time.InstantSource;
import org.springframework.boot.context.properties.EnableConfigurationProperties;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Configuration;

/** Wires jobs. */
@Configuration(proxyBeanMethods = false)
@EnableConfigurationProperties(JobProperties.class)
class JobConfiguration {

    @Bean
    JobService jobService(
            ImageChecks checks,
            Conversions conversions,
            Imports imports,
            Comparisons comparisons,
            VolumeChanges changes,
            DiskFacts facts,
            Overlays overlays,
            Scrubs scrubs,
            JobProperties properties,
            JobRecords records) {
        JobService jobs = new JobService(
                new RequestedWork(checks, conversions, imports, comparisons, changes, facts, overlays, scrubs),
                properties,
                records,
                InstantSource.system(),
                new SecureRandom());
        jobs.load();
        return jobs;
    }

    @Bean
    JobRecords jobRecords(JobCatalog catalog, JobTexts texts) {
        return new JobRecords(catalog, texts);
    }

    @Bean
    JobLifecycle jobLifecycle(JobService jobs) {
        return new JobLifecycle(jobs);
    }
}
