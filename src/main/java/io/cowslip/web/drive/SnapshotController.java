package io.cowslip.web.drive;

import static io.cowslip.web.problem.ProblemType.ALREADY_EXISTS;
import static io.cowslip.web.problem.ProblemType.BUSY;
import static io.cowslip.web.problem.ProblemType.CORRUPT_IMAGE;
import static io.cowslip.web.problem.ProblemType.HOST_IO;
import static io.cowslip.web.problem.ProblemType.INCONSISTENT_BITMAP;
import static io.cowslip.web.problem.ProblemType.INSUFFICIENT_STORAGE;
import static io.cowslip.web.problem.ProblemType.INVALID_IMAGE;
import static io.cowslip.web.problem.ProblemType.NOT_FOUND;
import static io.cowslip.web.problem.ProblemType.NO_SUCH_DRIVE;

import io.cowslip.access.AuditEntry;
import io.cowslip.drive.DriveId;
import io.cowslip.drive.registry.DriveLease;
import io.cowslip.drive.registry.DriveRegistry;
import io.cowslip.engine.image.Snapshot;
import io.cowslip.web.openapi.DriveInPath;
import io.cowslip.web.openapi.Fails;
import io.cowslip.web.openapi.TakesJson;
import io.cowslip.web.problem.Refusal;
import io.swagger.v3.oas.annotations.Operation;
import io.swagger.v3.oas.annotations.Parameter;
import io.swagger.v3.oas.annotations.media.Content;
import io.swagger.v3.oas.annotations.media.ExampleObject;
import io.swagger.v3.oas.annotations.responses.ApiResponse;
import io.swagger.v3.oas.annotations.tags.Tag;
import java.io.IOException;
import java.time.Instant;
import java.util.List;
import org.springframework.http.MediaType;
import org.springframework.http.ResponseEntity;
import org.springframework.web.bind.annotation.DeleteMapping;
import org.springframework.web.bind.annotation.GetMapping;
import org.springframework.web.bind.annotation.PathVariable;
import org.springframework.web.bind.annotation.PostMapping;
import org.springframework.web.bind.annotation.RequestBody;
import org.springframework.web.bind.annotation.RequestMapping;
import org.springframework.web.bind.annotation.RestController;
import org.springframework.web.util.UriComponentsBuilder;

/** The internal snapshots of a drive's image. */
@RestController
@RequestMapping("/drives/{id}/snapshots")
@Tag(name = "snapshots", description = "The disk as it was, kept in its own image")
class SnapshotController {
    private static final String SNAPSHOT = "The snapshot's id, or else its name; a slash in it is %2F";

    private final DriveRegistry registry;

    SnapshotController(DriveRegistry registry) {
        this.registry = registry;
    }

    @Operation(operationId = "listSnapshots", summary = "List the image's snapshots")
    @ApiResponse(responseCode = "200", description = "All snapshots, in the image's order")
    @Fails({NO_SUCH_DRIVE, INVALID_IMAGE, CORRUPT_IMAGE, HOST_IO})
    @GetMapping(produces = MediaType.APPLICATION_JSON_VALUE)
    List<SnapshotBody> list(@PathVariable @DriveInPath DriveId id) throws IOException {
        try (DriveLease lease = registry.lease(id)) {
            return lease.image().snapshots().list().stream()
                    .map(SnapshotBody::of)
                    .toList();
        }
    }

    @Operation(operationId = "getSnapshot", summary = "Show one snapshot")
    @ApiResponse(responseCode = "200", description = "The snapshot")
    @Fails({NO_SUCH_DRIVE, NOT_FOUND, INVALID_IMAGE, CORRUPT_IMAGE, HOST_IO})
    @GetMapping(path = "/{snapshot}", produces = MediaType.APPLICATION_JSON_VALUE)
    SnapshotBody show(
            @PathVariable @DriveInPath DriveId id,
            @PathVariable @Parameter(description = SNAPSHOT, example = "monday") String snapshot)
            throws IOException {
        try (DriveLease lease = registry.lease(id)) {
            return SnapshotBody.of(lease.image().snapshots().get(snapshot));
        }
    }

    @Operation(
            operationId = "createSnapshot",
            summary = "Take a snapshot",
            description = "Of all that was written before, durably when the answer comes. Reads and writes of the drive"
                    + " wait meanwhile. A read-only drive that is opened with `snapshot` reads it.")
    @io.swagger.v3.oas.annotations.parameters.RequestBody(
            content = @Content(examples = @ExampleObject(name = "named", value = """
                                        {"name": "before-upgrade"}""")))
    @ApiResponse(responseCode = "201", description = "The snapshot, and its place in Location")
    @TakesJson
    @ChangesImage
    @Fails({ALREADY_EXISTS, INSUFFICIENT_STORAGE})
    @PostMapping(consumes = MediaType.APPLICATION_JSON_VALUE, produces = MediaType.APPLICATION_JSON_VALUE)
    ResponseEntity<SnapshotBody> create(@PathVariable @DriveInPath DriveId id, @RequestBody SnapshotBody.New request)
            throws IOException {
        String name = request.name();
        if (name == null) {
            throw Refusal.ofOption("name", "name is missing; it is what the snapshot will be known by");
        }
        try (DriveLease lease = registry.lease(id)) {
            Instant now = Instant.now();
            Snapshot snapshot = lease.image().snapshots().create(name, now.getEpochSecond(), now.getNano());
            return ResponseEntity.created(UriComponentsBuilder.fromPath("/drives/{id}/snapshots/{snapshot}")
                            .build(id.value(), snapshot.id()))
                    .body(SnapshotBody.of(snapshot));
        }
    }

    @Operation(
            operationId = "revertToSnapshot",
            summary = "Make the disk what it was when a snapshot was taken",
            description = "What the disk held since is lost, and it is as large as it was; the snapshot stays. Dirty"
                    + " bitmaps mark all of the disk.")
    @ApiResponse(responseCode = "204", description = "The disk is what it was")
    @ChangesImage
    @Fails({NOT_FOUND, INVALID_IMAGE, INCONSISTENT_BITMAP, INSUFFICIENT_STORAGE})
    @PostMapping("/{snapshot}/revert")
    ResponseEntity<Void> revert(
            @PathVariable @DriveInPath DriveId id,
            @PathVariable @Parameter(description = SNAPSHOT, example = "monday") String snapshot)
            throws IOException {
        try (DriveLease lease = registry.lease(id)) {
            return audited("revert-snapshot", id, snapshot).around(() -> {
                lease.image().snapshots().revert(snapshot);
                return ResponseEntity.noContent().build();
            });
        }
    }

    @Operation(
            operationId = "deleteSnapshot",
            summary = "Delete a snapshot",
            description = "Refused while a drive or a job reads it.")
    @ApiResponse(
            responseCode = "204",
            description = "The snapshot is gone; the disk and other snapshots are as they were")
    @ChangesImage
    @Fails({NOT_FOUND, BUSY, INSUFFICIENT_STORAGE})
    @DeleteMapping("/{snapshot}")
    ResponseEntity<Void> delete(
            @PathVariable @DriveInPath DriveId id,
            @PathVariable @Parameter(description = SNAPSHOT, example = "monday") String snapshot)
            throws IOException {
        try (DriveLease lease = registry.lease(id)) {
            return audited("delete-snapshot", id, snapshot).around(() -> {
                lease.image().snapshots().delete(snapshot);
                return ResponseEntity.noContent().build();
            });
        }
    }

    private static AuditEntry audited(String action, DriveId drive, String snapshot) {
        return AuditEntry.of(action).with("drive", drive).with("snapshot", snapshot);
    }
}
