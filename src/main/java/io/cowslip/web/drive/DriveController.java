package io.cowslip.web.drive;

import static io.cowslip.web.problem.ProblemType.BUSY;
import static io.cowslip.web.problem.ProblemType.CORRUPT_IMAGE;
import static io.cowslip.web.problem.ProblemType.FORBIDDEN_PATH;
import static io.cowslip.web.problem.ProblemType.HOST_IO;
import static io.cowslip.web.problem.ProblemType.ID_TAKEN;
import static io.cowslip.web.problem.ProblemType.INCONSISTENT_BITMAP;
import static io.cowslip.web.problem.ProblemType.INSUFFICIENT_STORAGE;
import static io.cowslip.web.problem.ProblemType.INVALID_IMAGE;
import static io.cowslip.web.problem.ProblemType.INVALID_OPTION;
import static io.cowslip.web.problem.ProblemType.IN_USE;
import static io.cowslip.web.problem.ProblemType.KEY_REFUSED;
import static io.cowslip.web.problem.ProblemType.LIMIT_REACHED;
import static io.cowslip.web.problem.ProblemType.NOT_FOUND;
import static io.cowslip.web.problem.ProblemType.NO_SUCH_DRIVE;
import static io.cowslip.web.problem.ProblemType.PRECONDITION_FAILED;
import static io.cowslip.web.problem.ProblemType.READ_ONLY;
import static io.cowslip.web.problem.ProblemType.UNSUPPORTED_FEATURE;
import static io.cowslip.web.problem.ProblemType.UNSUPPORTED_OPTION;

import io.cowslip.access.AuditEntry;
import io.cowslip.drive.DriveId;
import io.cowslip.drive.registry.DriveRegistry;
import io.cowslip.drive.registry.DriveResize;
import io.cowslip.drive.registry.DriveView;
import io.cowslip.engine.image.options.ImageOptions;
import io.cowslip.web.data.Preconditions;
import io.cowslip.web.json.LayerOptions;
import io.cowslip.web.json.MergePatch;
import io.cowslip.web.json.OverlapCheckOptions;
import io.cowslip.web.json.ResizeRequest;
import io.cowslip.web.openapi.DriveInPath;
import io.cowslip.web.openapi.Fails;
import io.cowslip.web.openapi.SharedParameters;
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
import org.springframework.web.bind.annotation.PatchMapping;
import org.springframework.web.bind.annotation.PathVariable;
import org.springframework.web.bind.annotation.PostMapping;
import org.springframework.web.bind.annotation.RequestBody;
import org.springframework.web.bind.annotation.RequestMapping;
import org.springframework.web.bind.annotation.RestController;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ObjectNode;

/** Drives: images that are open. */
@RestController
@RequestMapping("/drives")
@Tag(name = "drives", description = "Images that are open")
class DriveController {
    private final DriveRegistry registry;
    private final JsonMapper json;

    DriveController(DriveRegistry registry, JsonMapper json) {
        this.registry = registry;
        this.json = json;
    }

    @Operation(
            operationId = "openDrive",
            summary = "Open an image as a drive",
            description =
                    "Unless it is ephemeral it is open again, with the options that it has then, after the service"
                            + " was restarted. No passphrase is kept for that, but the name of a file that holds one.")
    @io.swagger.v3.oas.annotations.parameters.RequestBody(
            content =
                    @Content(
                            examples = {
                                @ExampleObject(name = "defaults", value = """
                                        {"file": "vm1/root.qcow2"}"""),
                                @ExampleObject(name = "small-entries", value = """
                                        {"id": "data", "file": "vm1/root.qcow2", "l2-cache-size": "2M",
                                         "l2-cache-entry-size": 4096, "cache-clean-interval": 300,
                                         "backing": {"l2-cache-size": "1M"}}"""),
                                @ExampleObject(name = "raw", value = """
                                        {"file": "plain.raw", "format": "raw", "read-only": true}"""),
                                @ExampleObject(name = "ephemeral", value = """
                                        {"file": "vm1/root.qcow2", "ephemeral": true}""")
                            }))
    @ApiResponse(responseCode = "201", description = "The drive, and its place in Location")
    @TakesJson
    @Fails({
        UNSUPPORTED_OPTION,
        FORBIDDEN_PATH,
        NOT_FOUND,
        ID_TAKEN,
        IN_USE,
        BUSY,
        KEY_REFUSED,
        INVALID_IMAGE,
        UNSUPPORTED_FEATURE,
        LIMIT_REACHED
    })
    @PostMapping(consumes = MediaType.APPLICATION_JSON_VALUE, produces = MediaType.APPLICATION_JSON_VALUE)
    ResponseEntity<DriveBody> open(@RequestBody OpenRequest request) throws IOException {
        String file = request.file();
        if (file == null) {
            throw Refusal.ofOption("file", "file is missing; it names the image, relative to the image root");
        }
        ImageOptions options = request.options().over(registry.defaults());
        DriveView drive = AuditEntry.of("open-drive")
                .with("drive", request.id())
                .with("volume", file)
                .with("mode", options.readOnly() ? "read" : "write")
                .around(() -> registry.open(id(request.id()), file, options, request.keeping()));
        return ResponseEntity.created(URI.create("/drives/" + drive.id()))
                .eTag(Preconditions.quoted(drive.version()))
                .body(DriveBody.of(drive));
    }

    private static @Nullable DriveId id(@Nullable String text) {
        try {
            return text == null ? null : new DriveId(text);
        } catch (IllegalArgumentException refused) {
            Refusal refusal = Refusal.ofOption("id", String.valueOf(refused.getMessage()));
            refusal.initCause(refused);
            throw refusal;
        }
    }

    @Operation(operationId = "listDrives", summary = "List the open drives, ordered by id")
    @ApiResponse(responseCode = "200", description = "All drives with their effective values")
    @Fails({})
    @GetMapping(produces = MediaType.APPLICATION_JSON_VALUE)
    List<DriveBody> list() {
        return registry.drives().stream().map(DriveBody::of).toList();
    }

    @Operation(operationId = "getDrive", summary = "Show one drive with its effective values")
    @ApiResponse(
            responseCode = "200",
            description = "The drive; its ETag changes with each reconfiguration, and when its image is found corrupt")
    @Fails(NO_SUCH_DRIVE)
    @GetMapping(path = "/{id}", produces = MediaType.APPLICATION_JSON_VALUE)
    ResponseEntity<DriveBody> get(@PathVariable @DriveInPath DriveId id) {
        return shown(registry.drive(id));
    }

    @Operation(
            operationId = "reconfigureDrive",
            summary = "Change options of an open drive, or the size of its disk",
            description = "A JSON merge patch (RFC 7396) of the drive's options: null puts an option back to its"
                    + " default. With `virtual-size` the disk gets another size, durably, before the answer comes. All or"
                    + " nothing, and requests in flight go on.",
            parameters = @Parameter(ref = SharedParameters.IF_MATCH))
    @io.swagger.v3.oas.annotations.parameters.RequestBody(
            required = true,
            content = {
                @Content(
                        mediaType = SharedParameters.MERGE_PATCH,
                        schema = @Schema(implementation = DriveChange.class),
                        examples = @ExampleObject(name = "cache", value = """
                                        {"l2-cache-size": "4M", "cache-clean-interval": null}""")),
                @Content(
                        mediaType = MediaType.APPLICATION_JSON_VALUE,
                        schema = @Schema(implementation = DriveChange.class),
                        examples = {
                            @ExampleObject(name = "read-only", value = """
                                    {"read-only": true}"""),
                            @ExampleObject(name = "grow", value = """
                                    {"virtual-size": "16G"}"""),
                            @ExampleObject(name = "shrink", value = """
                                    {"virtual-size": "4M", "shrink": true}""")
                        })
            })
    @ApiResponse(responseCode = "200", description = "The drive as it is now")
    @TakesJson
    @Fails({
        UNSUPPORTED_OPTION,
        READ_ONLY,
        NO_SUCH_DRIVE,
        IN_USE,
        BUSY,
        INCONSISTENT_BITMAP,
        PRECONDITION_FAILED,
        UNSUPPORTED_FEATURE,
        CORRUPT_IMAGE,
        HOST_IO,
        INSUFFICIENT_STORAGE
    })
    @PatchMapping(
            path = "/{id}",
            consumes = {SharedParameters.MERGE_PATCH, MediaType.APPLICATION_JSON_VALUE},
            produces = MediaType.APPLICATION_JSON_VALUE)
    ResponseEntity<DriveBody> reconfigure(
            @PathVariable @DriveInPath DriveId id, @RequestBody ObjectNode patch, HttpServletRequest request)
            throws IOException {
        AuditEntry entry = AuditEntry.of("change-drive").with("drive", id).with("options", patch.propertyNames());
        DriveResize resize = ResizeRequest.takeFrom(patch, json);
        return shown(entry.around(() -> registry.reconfigure(
                id,
                asked -> {
                    Preconditions.checkChange(request, registry.drive(id).version());
                    return merged(asked, patch);
                },
                resize)));
    }

    private ImageOptions merged(ImageOptions asked, ObjectNode patch) {
        ObjectNode target = json.valueToTree(LayerOptions.of(asked));
        if (patch.has(OverlapCheckOptions.TEMPLATE) && !patch.has(OverlapCheckOptions.NAME)) {
            target.remove(OverlapCheckOptions.NAME);
        }
        LayerOptions wanted = json.treeToValue(MergePatch.apply(target, patch), LayerOptions.class);
        return wanted.over(registry.defaults());
    }

    @Operation(
            operationId = "reopenDrive",
            summary = "Open a drive again that could not be when the service started",
            description = "With the options that it had. Such a drive answers 404 with the reason, which"
                    + " /actuator/health tells as well, and stays known until it is opened again, by this or by"
                    + " openDrive with its id and file, or deleted. A drive that is open is shown as it is.")
    @ApiResponse(responseCode = "200", description = "The drive, which is open")
    @Fails({
        INVALID_OPTION,
        FORBIDDEN_PATH,
        NOT_FOUND,
        NO_SUCH_DRIVE,
        IN_USE,
        BUSY,
        KEY_REFUSED,
        INVALID_IMAGE,
        UNSUPPORTED_FEATURE,
        LIMIT_REACHED
    })
    @PostMapping(path = "/{id}/reopen", produces = MediaType.APPLICATION_JSON_VALUE)
    ResponseEntity<DriveBody> reopen(@PathVariable @DriveInPath DriveId id) throws IOException {
        return shown(AuditEntry.of("open-drive").with("drive", id).around(() -> registry.reopen(id)));
    }

    @Operation(
            operationId = "closeDrive",
            summary = "Close a drive",
            description =
                    "Lets no new request in, waits for those in flight, flushes, and closes the image. Refused while"
                            + " another drive or a job reads a snapshot of it beside it. A drive that could not be opened again"
                            + " after a restart is forgotten.",
            parameters = @Parameter(ref = SharedParameters.IF_MATCH))
    @ApiResponse(responseCode = "204", description = "The drive is closed and its image durable")
    @Fails({NO_SUCH_DRIVE, BUSY, IN_USE, PRECONDITION_FAILED})
    @DeleteMapping("/{id}")
    ResponseEntity<Void> close(@PathVariable @DriveInPath DriveId id, HttpServletRequest request) throws IOException {
        return AuditEntry.of("close-drive").with("drive", id).around(() -> {
            if (!registry.forgetUnopened(id)) {
                Preconditions.checkChange(request, registry.drive(id).version());
                registry.close(id);
            }
            return ResponseEntity.noContent().build();
        });
    }

    private static ResponseEntity<DriveBody> shown(DriveView drive) {
        return ResponseEntity.ok().eTag(Preconditions.quoted(drive.version())).body(DriveBody.of(drive));
    }
}
