package io.cowslip.web.job;

import static io.cowslip.web.problem.ProblemType.ALREADY_EXISTS;
import static io.cowslip.web.problem.ProblemType.CANNOT_RESTART;
import static io.cowslip.web.problem.ProblemType.FORBIDDEN_PATH;
import static io.cowslip.web.problem.ProblemType.ID_TAKEN;
import static io.cowslip.web.problem.ProblemType.INVALID_IMAGE;
import static io.cowslip.web.problem.ProblemType.INVALID_OPTION;
import static io.cowslip.web.problem.ProblemType.INVALID_REQUEST;
import static io.cowslip.web.problem.ProblemType.IN_USE;
import static io.cowslip.web.problem.ProblemType.KEY_REUSED;
import static io.cowslip.web.problem.ProblemType.LIMIT_REACHED;
import static io.cowslip.web.problem.ProblemType.NOT_FOUND;
import static io.cowslip.web.problem.ProblemType.NO_SUCH_DRIVE;
import static io.cowslip.web.problem.ProblemType.NO_SUCH_JOB;
import static io.cowslip.web.problem.ProblemType.TOO_MANY_REQUESTS;

import io.cowslip.access.AuditEntry;
import io.cowslip.drive.volume.Volumes;
import io.cowslip.job.JobId;
import io.cowslip.job.JobService;
import io.cowslip.job.JobView;
import io.cowslip.job.StoredRequest;
import io.cowslip.web.limit.CallerJobs;
import io.cowslip.web.openapi.Fails;
import io.cowslip.web.openapi.TakesJson;
import io.cowslip.web.problem.Refusal;
import io.swagger.v3.oas.annotations.Operation;
import io.swagger.v3.oas.annotations.Parameter;
import io.swagger.v3.oas.annotations.media.Content;
import io.swagger.v3.oas.annotations.media.ExampleObject;
import io.swagger.v3.oas.annotations.media.Schema;
import io.swagger.v3.oas.annotations.responses.ApiResponse;
import io.swagger.v3.oas.annotations.tags.Tag;
import jakarta.servlet.http.HttpServletRequest;
import java.io.IOException;
import java.net.URI;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.springframework.http.MediaType;
import org.springframework.http.ResponseEntity;
import org.springframework.web.bind.annotation.DeleteMapping;
import org.springframework.web.bind.annotation.GetMapping;
import org.springframework.web.bind.annotation.PathVariable;
import org.springframework.web.bind.annotation.PostMapping;
import org.springframework.web.bind.annotation.RequestBody;
import org.springframework.web.bind.annotation.RequestHeader;
import org.springframework.web.bind.annotation.RequestMapping;
import org.springframework.web.bind.annotation.RestController;
import org.springframework.web.servlet.mvc.method.annotation.SseEmitter;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.ObjectNode;

/** Jobs: what takes long. */
@RestController
@RequestMapping("/jobs")
@Tag(name = "jobs", description = "Work in the background")
class JobController {
    private static final String EXAMPLE_ID = "nightly";
    private static final List<String> AUDITED = List.of(
            "type",
            "id",
            "file",
            "drive",
            "upload",
            "repair",
            "backing-file",
            "unsafe",
            "base",
            "allow-dependents",
            "shrink");

    private final JobService jobs;
    private final CallerJobs callers;
    private final JobEvents events;
    private final Volumes volumes;
    private final JobJson json;

    JobController(JobService jobs, CallerJobs callers, Volumes volumes, JobJson json) {
        this.jobs = jobs;
        this.callers = callers;
        this.events = new JobEvents(jobs, volumes);
        this.volumes = volumes;
        this.json = json;
    }

    @Operation(operationId = "startJob", summary = "Start a job")
    @io.swagger.v3.oas.annotations.parameters.RequestBody(
            content =
                    @Content(
                            schema =
                                    @Schema(
                                            oneOf = {
                                                NewAmendment.class,
                                                NewCheck.class,
                                                NewCommit.class,
                                                NewCompaction.class,
                                                NewComparison.class,
                                                NewConversion.class,
                                                NewImport.class,
                                                NewMap.class,
                                                NewMeasurement.class,
                                                NewRebase.class,
                                                NewResize.class,
                                                NewScrub.class
                                            }),
                            examples = {
                                @ExampleObject(name = "check-volume", value = """
                                        {"type": "check", "file": "vm1/base.qcow2"}"""),
                                @ExampleObject(name = "check-drive", value = """
                                        {"type": "check", "drive": "root"}"""),
                                @ExampleObject(name = "repair", value = """
                                        {"type": "check", "file": "spare.qcow2", "repair": "all"}"""),
                                @ExampleObject(name = "compare", value = """
                                        {"type": "compare", "file": "vm1/base.qcow2", "other": {"drive": "root"}}"""),
                                @ExampleObject(name = "amend", value = """
                                        {"type": "amend", "file": "spare.qcow2", "refcount-bits": 32}"""),
                                @ExampleObject(name = "map", value = """
                                        {"type": "map", "drive": "root", "start": 0, "limit": 1000}"""),
                                @ExampleObject(name = "measure", value = """
                                        {"type": "measure", "file": "vm1/base.qcow2",
                                         "target": {"format": "qcow2", "cluster-size": "128K"}}"""),
                                @ExampleObject(name = "measure-empty", value = """
                                        {"type": "measure", "size": "8G", "target": {"preallocation": "metadata"}}"""),
                                @ExampleObject(name = "commit", value = """
                                        {"type": "commit", "file": "vm1/clone.qcow2"}"""),
                                @ExampleObject(name = "compact", value = """
                                        {"type": "compact", "file": "spare.qcow2"}"""),
                                @ExampleObject(name = "flatten", value = """
                                        {"type": "rebase", "file": "vm1/clone.qcow2", "backing-file": null}"""),
                                @ExampleObject(name = "rebase", value = """
                                        {"type": "rebase", "file": "vm1/clone.qcow2",
                                         "backing-file": "base.qcow2", "backing-format": "qcow2"}"""),
                                @ExampleObject(name = "resize", value = """
                                        {"type": "resize", "file": "spare.qcow2", "virtual-size": "2G"}"""),
                                @ExampleObject(name = "scrub", value = """
                                        {"type": "scrub", "drive": "root", "snapshots": true, "chain": true,
                                         "bytes-per-second": "100M"}"""),
                                @ExampleObject(name = "convert", value = """
                                        {"type": "convert", "file": "vm1/base.qcow2",
                                         "target": {"file": "export/base.raw", "format": "raw"}}"""),
                                @ExampleObject(name = "import", value = """
                                        {"type": "import", "upload": "vm1/arrived.raw", "format": "raw",
                                         "target": {"file": "export/arrived.qcow2"}}"""),
                                @ExampleObject(name = "compress", value = """
                                        {"type": "convert", "file": "vm1/base.qcow2",
                                         "target": {"file": "export/base.qcow2", "compress": true,
                                                    "compression-type": "zstd"}}""")
                            }))
    @ApiResponse(responseCode = "202", description = "The job, and its place in Location")
    @TakesJson
    @Fails({
        FORBIDDEN_PATH,
        NOT_FOUND,
        NO_SUCH_DRIVE,
        ALREADY_EXISTS,
        INVALID_REQUEST,
        INVALID_IMAGE,
        KEY_REUSED,
        ID_TAKEN,
        IN_USE,
        TOO_MANY_REQUESTS,
        LIMIT_REACHED
    })
    @PostMapping(consumes = MediaType.APPLICATION_JSON_VALUE, produces = MediaType.APPLICATION_JSON_VALUE)
    ResponseEntity<JobBody> start(
            @RequestBody ObjectNode request,
            @RequestHeader(name = IdempotencyHeader.NAME, required = false)
                    @Parameter(
                            description =
                                    "Makes a repetition of the request, such as one after a broken connection, answer with"
                                            + " the first one's job. It is known for as long as the job is")
                    @Nullable
                    String idempotencyKey,
            HttpServletRequest caller)
            throws IOException {
        NewJob wanted = json.read(request);
        StoredRequest stored = JobJson.stored(request);
        JobView job = audited(request)
                .around(() -> callers.begin(
                        caller,
                        () -> jobs.submit(
                                id(wanted.id()),
                                json.wanted(wanted),
                                stored,
                                IdempotencyHeader.key(idempotencyKey, stored))));
        return accepted(job);
    }

    /** Of the request, which may hold passphrases, only what is known to hold none. */
    private static AuditEntry audited(ObjectNode request) {
        AuditEntry entry = AuditEntry.of("start-job");
        for (String name : AUDITED) {
            JsonNode value = request.path(name);
            entry.with(name, value.isValueNode() && !value.isNull() ? value.asString() : null);
        }
        JsonNode target = request.path("target").path("file");
        return entry.with("target", target.isString() ? target.asString() : null);
    }

    private static @Nullable JobId id(@Nullable String text) {
        try {
            return text == null ? null : new JobId(text);
        } catch (IllegalArgumentException refused) {
            Refusal refusal = Refusal.ofOption("id", String.valueOf(refused.getMessage()));
            refusal.initCause(refused);
            throw refusal;
        }
    }

    @Operation(
            operationId = "listJobs",
            summary = "List jobs in the order in which they came",
            description =
                    "Of those that have ended, the last 100 (cowslip.jobs.retained) are remembered, after a restart"
                            + " as well.")
    @ApiResponse(responseCode = "200", description = "All jobs that are known")
    @Fails({})
    @GetMapping(produces = MediaType.APPLICATION_JSON_VALUE)
    List<JobBody> list() {
        return jobs.jobs().stream().map(this::shown).toList();
    }

    @Operation(operationId = "getJob", summary = "Show a job")
    @ApiResponse(responseCode = "200", description = "The job, with its result or its problem once it has ended")
    @Fails({NO_SUCH_JOB})
    @GetMapping(path = "/{id}", produces = MediaType.APPLICATION_JSON_VALUE)
    JobBody get(@PathVariable @Parameter(example = EXAMPLE_ID) JobId id) {
        return shown(jobs.job(id));
    }

    @Operation(
            operationId = "followJob",
            summary = "Follow a job by server-sent events",
            description = "Events named progress, four times per second at most, then one named completed, failed,"
                    + " cancelled or interrupted, which ends the stream. The data of each is the job as GET shows it.")
    @ApiResponse(
            responseCode = "200",
            description = "The stream",
            content = @Content(mediaType = MediaType.TEXT_EVENT_STREAM_VALUE, schema = @Schema(type = "string")))
    @Fails({NO_SUCH_JOB})
    @GetMapping(path = "/{id}/events", produces = MediaType.TEXT_EVENT_STREAM_VALUE)
    SseEmitter events(@PathVariable @Parameter(example = EXAMPLE_ID) JobId id) {
        return events.of(id);
    }

    @Operation(
            operationId = "restartJob",
            summary = "Start a job again that has ended",
            description = "It is the same job, under the same id and Idempotency-Key, from its beginning and with the"
                    + " request that it came with. A job that the service's end interrupted goes on in no other way. What"
                    + " had a passphrase in its request is sent again instead, since passphrases are not kept.")
    @ApiResponse(responseCode = "202", description = "The job, and its place in Location")
    @Fails({
        INVALID_OPTION,
        FORBIDDEN_PATH,
        NOT_FOUND,
        NO_SUCH_DRIVE,
        NO_SUCH_JOB,
        ALREADY_EXISTS,
        INVALID_IMAGE,
        CANNOT_RESTART,
        IN_USE,
        TOO_MANY_REQUESTS,
        LIMIT_REACHED
    })
    @PostMapping(path = "/{id}/restart", produces = MediaType.APPLICATION_JSON_VALUE)
    ResponseEntity<JobBody> restart(@PathVariable @Parameter(example = EXAMPLE_ID) JobId id, HttpServletRequest caller)
            throws IOException {
        return accepted(
                AuditEntry.of("start-job").with("id", id).around(() -> callers.begin(caller, () -> jobs.restart(id))));
    }

    private ResponseEntity<JobBody> accepted(JobView job) {
        return ResponseEntity.accepted()
                .location(URI.create("/jobs/" + job.id()))
                .body(shown(job));
    }

    @Operation(
            operationId = "cancelJob",
            summary = "Cancel a job, or forget one that has ended",
            description = "A job that waits ends at once, one that runs within moments; it stays to be shown as"
                    + " cancelled. A repair stops between two writes: the image is no worse than before, and marked as"
                    + " corrupt where it is not sound. Any other job leaves a volume that it changes as a disk that reads"
                    + " as before, and no volume that it was to make. A job that has ended is forgotten: 204.")
    @ApiResponse(responseCode = "202", description = "The job, which is told to stop")
    @ApiResponse(responseCode = "204", description = "The job had ended, and is forgotten", content = @Content)
    @Fails({NO_SUCH_JOB})
    @DeleteMapping(path = "/{id}", produces = MediaType.APPLICATION_JSON_VALUE)
    ResponseEntity<JobBody> cancel(@PathVariable @Parameter(example = EXAMPLE_ID) JobId id) {
        JobView job = AuditEntry.of("stop-job").with("id", id).around(() -> jobs.cancel(id));
        return job == null
                ? ResponseEntity.noContent().build()
                : ResponseEntity.accepted().body(shown(job));
    }

    private JobBody shown(JobView job) {
        return JobBody.of(job, volumes);
    }
}
