package io.cowslip.job;

import io.cowslip.drive.work.Comparisons;
import io.cowslip.drive.work.Conversions;
import io.cowslip.drive.work.DiskFacts;
import io.cowslip.drive.work.DiskSource;
import io.cowslip.drive.work.ImageChecks;
import io.cowslip.drive.work.Imports;
import io.cowslip.drive.work.Overlays;
import io.cowslip.drive.work.Scrubs;
import io.cowslip.drive.work.VolumeChanges;
import java.io.IOException;
import org.jspecify.annotations.Nullable;

/** Does what jobs ask for, by their type. */
final class RequestedWork implements JobWork {
    private final ImageChecks checks;
    private final Conversions conversions;
    private final Imports imports;
    private final Comparisons comparisons;
    private final VolumeChanges changes;
    private final DiskFacts facts;
    private final Overlays overlays;
    private final Scrubs scrubs;

    RequestedWork(
            ImageChecks checks,
            Conversions conversions,
            Imports imports,
            Comparisons comparisons,
            VolumeChanges changes,
            DiskFacts facts,
            Overlays overlays,
            Scrubs scrubs) {
        this.checks = checks;
        this.conversions = conversions;
        this.imports = imports;
        this.comparisons = comparisons;
        this.changes = changes;
        this.facts = facts;
        this.overlays = overlays;
        this.scrubs = scrubs;
    }

    @Override
    public void requirePossible(JobRequest request) throws IOException {
        switch (request) {
            case JobRequest.Unreadable unread -> throw unreadable();
            case JobRequest.CheckVolume check -> checks.requireFree(check.file(), check.repair());
            case JobRequest.CheckDrive check -> checks.requireOpen(check.drive());
            case JobRequest.Convert convert -> conversions.requirePossible(convert.conversion());
            case JobRequest.ImportUpload wanted -> imports.requirePossible(wanted.work());
            case JobRequest.ImportVolume wanted -> conversions.requirePossible(wanted.conversion());
            case JobRequest.Compare compare -> comparisons.requirePossible(compare.one(), compare.other());
            case JobRequest.Resize resize -> changes.requireFree(resize.file(), resize.options());
            case JobRequest.Amend amend -> changes.requireFree(amend.file());
            case JobRequest.Measure measure ->
                requirePossible(measure.measurement().source());
            case JobRequest.MapDisk map -> requirePossible(map.source());
            case JobRequest.Scrub scrub -> scrubs.requirePossible(scrub.source());
            case JobRequest.Rebase rebase -> overlays.requirePossible(rebase.file(), rebase.options(), rebase.rebase());
            case JobRequest.Commit commit -> overlays.requirePossible(commit.file(), commit.options(), commit.commit());
            case JobRequest.Compact compact -> changes.requireFree(compact.file(), compact.options());
        }
    }

    private void requirePossible(@Nullable DiskSource source) throws IOException {
        if (source != null) {
            facts.requirePossible(source);
        }
    }

    @Override
    public JobResult run(JobId id, JobRequest request, Progress progress) throws IOException {
        return switch (request) {
            case JobRequest.Unreadable unread -> throw unreadable();
            case JobRequest.CheckVolume check ->
                checked(checks.checkVolume(id.value(), check.file(), check.repair(), progress::advanced));
            case JobRequest.CheckDrive check -> checked(checks.checkDrive(check.drive(), progress::advanced));
            case JobRequest.Convert convert ->
                new JobResult.Converted(conversions.convert(id.value(), convert.conversion(), progress::advanced));
            case JobRequest.ImportUpload wanted ->
                new JobResult.Converted(imports.make(wanted.work(), progress::advanced));
            case JobRequest.ImportVolume wanted ->
                new JobResult.Converted(conversions.convert(id.value(), wanted.conversion(), progress::advanced));
            case JobRequest.Compare compare ->
                new JobResult.Compared(
                        comparisons.compare(id.value(), compare.one(), compare.other(), progress::advanced));
            case JobRequest.Resize resize ->
                new JobResult.Changed(changes.resize(
                        id.value(), resize.file(), resize.options(), resize.resize(), progress::advanced));
            case JobRequest.Amend amend ->
                new JobResult.Changed(changes.amend(id.value(), amend.file(), amend.options(), progress::advanced));
            case JobRequest.Measure measure ->
                new JobResult.Measured(facts.measure(id.value(), measure.measurement(), progress::advanced));
            case JobRequest.MapDisk map ->
                new JobResult.Mapped(facts.map(
                        id.value(), map.source(), map.start(), map.lengthBytes(), map.limit(), progress::advanced));
            case JobRequest.Scrub scrub ->
                new JobResult.Scrubbed(scrubs.scrub(id.value(), scrub.source(), scrub.options(), progress::advanced));
            case JobRequest.Rebase rebase ->
                new JobResult.Changed(overlays.rebase(
                        id.value(), rebase.file(), rebase.options(), rebase.rebase(), progress::advanced));
            case JobRequest.Commit commit ->
                new JobResult.Changed(overlays.commit(
                        id.value(), commit.file(), commit.options(), commit.commit(), progress::advanced));
            case JobRequest.Compact compact ->
                new JobResult.Compacted(
                        changes.compact(id.value(), compact.file(), compact.options(), progress::advanced));
        };
    }

    private static JobException unreadable() {
        return new JobException(JobException.Reason.CANNOT_RESTART, "the job's request cannot be read any more");
    }

    private static JobResult checked(ImageChecks.Checked checked) {
        return new JobResult.Checked(checked.name(), checked.report());
    }
}
