package io.cowslip.web.limit;

import io.cowslip.job.JobService;
import io.cowslip.job.JobView;
import io.cowslip.web.problem.ProblemType;
import io.cowslip.web.problem.Refusal;
import jakarta.servlet.http.HttpServletRequest;
import java.io.IOException;
import java.util.HashMap;
import java.util.HashSet;
import java.util.Map;
import java.util.Set;
import java.util.stream.Collectors;
import org.springframework.http.HttpHeaders;

/** Lets no caller have more jobs under way than one may have. Any thread. */
public final class CallerJobs {
    private static final String LIMIT = "cowslip.limits.jobs-per-caller";

    private final JobService jobs;
    private final int most;

    /** The ids of the jobs of each caller that were under way when it last began one. Guarded by this object's monitor. */
    private final Map<LimitedCaller, Set<String>> begun = new HashMap<>();

    CallerJobs(JobService jobs, CallerProperties limits) {
        this.jobs = jobs;
        this.most = limits.jobsPerCaller() == null ? Integer.MAX_VALUE : limits.jobsPerCaller();
    }

    /** Begins a job. */
    @FunctionalInterface
    public interface Start {
        JobView begin() throws IOException;
    }

    /** @throws Refusal where the caller has as many jobs as it may have */
    public JobView begin(HttpServletRequest request, Start start) throws IOException {
        return most == Integer.MAX_VALUE ? start.begin() : counted(LimitedCaller.of(request), start);
    }

    private synchronized JobView counted(LimitedCaller caller, Start start) throws IOException {
        Set<String> underWay = jobs.jobs().stream()
                .filter(job -> !job.state().isEnded())
                .map(job -> job.id().value())
                .collect(Collectors.toSet());
        // Others' jobs may be none that this caller is told of: theirs are left alone.
        Set<String> own = begun.getOrDefault(caller, new HashSet<>());
        own.retainAll(underWay);
        if (own.isEmpty()) {
            begun.remove(caller);
        }
        if (own.size() >= most) {
            throw Refusal.of(
                            ProblemType.TOO_MANY_REQUESTS,
                            own.size() + " jobs of this caller run or wait, as many as " + LIMIT + " allows")
                    .withMember("limit", LIMIT)
                    .with(HttpHeaders.RETRY_AFTER, "10");
        }
        JobView job = start.begin();
        own.add(job.id().value());
        begun.put(caller, own);
        return job;
    }
}
