package io.cowslip.web.upload;

import static io.cowslip.web.problem.ProblemType.INVALID_RANGE;
import static io.cowslip.web.problem.ProblemType.IN_USE;
import static io.cowslip.web.problem.ProblemType.NOT_FOUND;
import static io.cowslip.web.problem.ProblemType.UNKNOWN_KEY;

import io.cowslip.access.AuditEntry;
import io.cowslip.drive.upload.Uploads;
import io.cowslip.drive.volume.Volumes;
import io.cowslip.drive.work.Conversion.Target;
import io.cowslip.job.JobService;
import io.cowslip.job.JobView;
import io.cowslip.job.StoredRequest;
import io.cowslip.web.job.JobBody;
import io.cowslip.web.job.JobJson;
import io.cowslip.web.limit.CallerJobs;
import io.cowslip.web.openapi.Fails;
import io.cowslip.web.openapi.OctetStreamBody;
import io.cowslip.web.upload.FileUploads.Outcome;
import io.cowslip.web.volume.VolumeFacts;
import io.cowslip.web.volume.VolumePath;
import io.swagger.v3.oas.annotations.Operation;
import io.swagger.v3.oas.annotations.Parameter;
import io.swagger.v3.oas.annotations.Parameters;
import io.swagger.v3.oas.annotations.enums.ParameterIn;
import io.swagger.v3.oas.annotations.media.ArraySchema;
import io.swagger.v3.oas.annotations.media.Content;
import io.swagger.v3.oas.annotations.media.ExampleObject;
import io.swagger.v3.oas.annotations.media.Schema;
import io.swagger.v3.oas.annotations.parameters.RequestBody;
import io.swagger.v3.oas.annotations.responses.ApiResponse;
import io.swagger.v3.oas.annotations.tags.Tag;
import jakarta.servlet.http.HttpServletRequest;
import java.io.IOException;
import java.net.URI;
import java.util.List;
import org.springframework.http.HttpMethod;
import org.springframework.http.HttpStatus;
import org.springframework.http.MediaType;
import org.springframework.http.ResponseEntity;
import org.springframework.web.bind.annotation.DeleteMapping;
import org.springframework.web.bind.annotation.GetMapping;
import org.springframework.web.bind.annotation.PatchMapping;
import org.springframework.web.bind.annotation.PathVariable;
import org.springframework.web.bind.annotation.PutMapping;
import org.springframework.web.bind.annotation.RequestMapping;
import org.springframework.web.bind.annotation.RequestMethod;
import org.springframework.web.bind.annotation.RestController;
import org.springframework.web.util.UriComponentsBuilder;
import tools.jackson.databind.json.JsonMapper;

/** Files on their way to becoming volumes. */
@RestController
@Tag(name = "files", description = "Whole image files")
class UploadController {
    private static final String VOLUME = "The volume: a path relative to the image root";

    private final Uploads uploads;
    private final FileUploads files;
    private final JobService jobs;
    private final CallerJobs callers;
    private final Volumes volumes;
    private final JsonMapper json;

    UploadController(
            Uploads uploads, FileUploads files, JobService jobs, CallerJobs callers, Volumes volumes, JsonMapper json) {
        this.uploads = uploads;
        this.files = files;
        this.jobs = jobs;
        this.callers = callers;
        this.volumes = volumes;
        this.json = json;
    }

    @Operation(
            operationId = "uploadFile",
            summary = "Upload a volume's file, whole or in parts",
            description =
                    "A body that breaks off leaves what came: HEAD tells Upload-Offset, and PUT with Content-Range"
                            + " (curl -C) or PATCH goes on from there. The file is examined before it gets its name. Query"
                            + " parameters that begin with target. are the options of a conversion's target: then a job makes the"
                            + " volume of the file.")
    @UploadedFileQuery
    @Parameters({
        @Parameter(
                in = ParameterIn.HEADER,
                name = "Content-Range",
                description = "Which part of the file the body is: bytes first-last/length",
                schema = @Schema(type = "string")),
        @Parameter(
                in = ParameterIn.HEADER,
                name = UploadHeaders.UPLOAD_COMPLETE,
                description = "?0: more is to come",
                schema =
                        @Schema(
                                type = "string",
                                allowableValues = {"?0", "?1"}))
    })
    @Fails({UNKNOWN_KEY, INVALID_RANGE})
    @AddsToUpload
    @Parameter(
            in = ParameterIn.HEADER,
            name = "Want-Repr-Digest",
            description = "RFC 9530, with the first byte: the answer to the last has the digest",
            schema = @Schema(type = "string"),
            example = "sha-256=10")
    @OctetStreamBody
    @ApiResponse(
            responseCode = "201",
            description = "The new volume's facts, once it is whole and durable; before that, Upload-Offset",
            content =
                    @Content(
                            mediaType = MediaType.APPLICATION_JSON_VALUE,
                            array = @ArraySchema(schema = @Schema(implementation = VolumeFacts.class))))
    @PutMapping("/files/{*path}")
    ResponseEntity<?> put(
            @PathVariable @Parameter(description = VOLUME, example = "vm1/uploaded.raw") String path,
            HttpServletRequest request)
            throws IOException {
        UploadPart.refuseJson(request);
        UploadQuery query = UploadQuery.of(request, json);
        String name = VolumePath.name(path);
        Target target = query.target(name);
        UploadPart part = UploadPart.ofPut(request);
        return answer(path, files.put(name, part, query.rules(), target, request), query, HttpStatus.CREATED, request);
    }

    @Operation(
            operationId = "appendToFile",
            summary = "Add to the end of an upload",
            description =
                    "As in the IETF's draft of resumable uploads for HTTP. The query is that of the first request.")
    @UploadedFileQuery
    @Parameters({
        @Parameter(
                in = ParameterIn.HEADER,
                name = UploadHeaders.UPLOAD_OFFSET,
                required = true,
                description = "How many bytes the upload has, as HEAD tells",
                schema = @Schema(type = "integer"),
                example = "16"),
        @Parameter(
                in = ParameterIn.HEADER,
                name = UploadHeaders.UPLOAD_COMPLETE,
                required = true,
                description = "?1 with the last of the bytes",
                schema =
                        @Schema(
                                type = "string",
                                allowableValues = {"?0", "?1"}),
                example = "?1")
    })
    @AddsToUpload
    @RequestBody(
            required = true,
            content =
                    @Content(
                            mediaType = UploadHeaders.PARTIAL_UPLOAD,
                            schema = @Schema(type = "string", format = "binary"),
                            examples = @ExampleObject(name = "sixteen-more", value = "and sixteen more")))
    @ApiResponse(
            responseCode = "201",
            description = "The new volume's facts; it is whole and durable",
            content =
                    @Content(
                            mediaType = MediaType.APPLICATION_JSON_VALUE,
                            array = @ArraySchema(schema = @Schema(implementation = VolumeFacts.class))))
    @ApiResponse(
            responseCode = "204",
            description = "The bytes are durable, and Upload-Offset says how many there are",
            content = @Content)
    @PatchMapping("/files/{*path}")
    ResponseEntity<?> append(
            @PathVariable @Parameter(description = VOLUME, example = "vm1/arriving.raw") String path,
            HttpServletRequest request)
            throws IOException {
        UploadPart.requirePartialUpload(request);
        UploadQuery query = UploadQuery.of(request, json);
        String name = VolumePath.name(path);
        Target target = query.target(name);
        UploadPart part = UploadPart.ofPatch(request);
        return answer(
                path, files.append(name, part, query.rules(), target, request), query, HttpStatus.NO_CONTENT, request);
    }

    private ResponseEntity<?> answer(
            String path, Outcome outcome, UploadQuery query, HttpStatus whileArriving, HttpServletRequest request)
            throws IOException {
        return switch (outcome) {
            case Outcome.Arriving arriving -> {
                ResponseEntity.BodyBuilder answer = ResponseEntity.status(whileArriving)
                        .header(UploadHeaders.UPLOAD_OFFSET, String.valueOf(arriving.offset()))
                        .header(UploadHeaders.UPLOAD_COMPLETE, "?0")
                        .header(UploadHeaders.UPLOAD_LIMIT, UploadHeaders.limit(uploads))
                        .location(location("/files", path));
                if (arriving.length() != null) {
                    answer.header(UploadHeaders.UPLOAD_LENGTH, String.valueOf(arriving.length()));
                }
                yield answer.build();
            }
            case Outcome.Published published -> {
                AuditEntry.of("upload-volume")
                        .with("volume", VolumePath.name(path))
                        .write("done");
                ResponseEntity.BodyBuilder answer =
                        whole(HttpStatus.CREATED, published.offset()).location(location("/volumes", path));
                if (published.digest() != null) {
                    answer.header("Repr-Digest", published.digest());
                }
                yield answer.body(VolumeFacts.ofChain(published.chain(), volumes));
            }
            case Outcome.Left left -> {
                StoredRequest stored =
                        JobJson.stored(query.importRequest(left.work().work()));
                JobView job = AuditEntry.of("start-job")
                        .with("type", left.work().type())
                        .with("volume", VolumePath.name(path))
                        .around(() -> callers.begin(request, () -> jobs.submit(null, left.work(), stored, null)));
                yield whole(HttpStatus.ACCEPTED, left.offset())
                        .location(URI.create("/jobs/" + job.id()))
                        .body(JobBody.of(job, volumes));
            }
        };
    }

    private static ResponseEntity.BodyBuilder whole(HttpStatus status, long offset) {
        return ResponseEntity.status(status)
                .contentType(MediaType.APPLICATION_JSON)
                .header(UploadHeaders.UPLOAD_OFFSET, String.valueOf(offset))
                .header(UploadHeaders.UPLOAD_COMPLETE, "?1");
    }

    private static URI location(String prefix, String path) {
        return UriComponentsBuilder.fromPath(prefix + path).build().encode().toUri();
    }

    @Operation(
            operationId = "cancelUpload",
            summary = "Give up an upload",
            description = "Takes away what has come in, also under a request or a job that is at it, unless it is just"
                    + " becoming a volume. Volumes that are whole are deleted by DELETE /volumes.")
    @ApiResponse(responseCode = "204", description = "The upload is gone")
    @Fails({NOT_FOUND, IN_USE})
    @DeleteMapping("/files/{*path}")
    ResponseEntity<Void> cancel(
            @PathVariable @Parameter(description = VOLUME, example = "vm1/arriving.raw") String path)
            throws IOException {
        String name = VolumePath.name(path);
        return AuditEntry.of("delete-upload").with("volume", name).around(() -> {
            uploads.cancel(name);
            return ResponseEntity.noContent().build();
        });
    }

    @Operation(operationId = "fileOptions", summary = "Tell what can be done with a file, and what uploads are held to")
    @ApiResponse(
            responseCode = "204",
            description = "The methods in Allow, the limits in Upload-Limit",
            content = @Content)
    @Fails({})
    @RequestMapping(path = "/files/{*path}", method = RequestMethod.OPTIONS)
    ResponseEntity<Void> options(
            @PathVariable @Parameter(description = VOLUME, example = "vm1/new.qcow2") String path) {
        return ResponseEntity.noContent()
                .allow(
                        HttpMethod.OPTIONS,
                        HttpMethod.HEAD,
                        HttpMethod.GET,
                        HttpMethod.PUT,
                        HttpMethod.PATCH,
                        HttpMethod.DELETE)
                .header("Accept-Patch", UploadHeaders.PARTIAL_UPLOAD)
                .header(UploadHeaders.UPLOAD_LIMIT, UploadHeaders.limit(uploads))
                .build();
    }

    @Operation(
            operationId = "listUploads",
            summary = "List unfinished uploads by name",
            description = "Those that nobody goes on with are given up at the time that is shown"
                    + " (cowslip.uploads.expiry).")
    @ApiResponse(responseCode = "200", description = "All unfinished uploads")
    @Fails({})
    @GetMapping(path = "/uploads", produces = MediaType.APPLICATION_JSON_VALUE)
    List<UploadBody> list() {
        return uploads.unfinished().stream().map(UploadBody::of).toList();
    }
}
