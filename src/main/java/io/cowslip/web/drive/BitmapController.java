package io.cowslip.web.drive;

import static io.cowslip.web.problem.ProblemType.ALREADY_EXISTS;
import static io.cowslip.web.problem.ProblemType.BUSY;
import static io.cowslip.web.problem.ProblemType.CORRUPT_IMAGE;
import static io.cowslip.web.problem.ProblemType.HOST_IO;
import static io.cowslip.web.problem.ProblemType.INCONSISTENT_BITMAP;
import static io.cowslip.web.problem.ProblemType.INSUFFICIENT_STORAGE;
import static io.cowslip.web.problem.ProblemType.NOT_FOUND;
import static io.cowslip.web.problem.ProblemType.NO_SUCH_DRIVE;
import static io.cowslip.web.problem.ProblemType.UNSUPPORTED_FEATURE;

import io.cowslip.drive.DriveId;
import io.cowslip.drive.registry.DriveLease;
import io.cowslip.drive.registry.DriveRegistry;
import io.cowslip.engine.image.DirtyBitmaps;
import io.cowslip.engine.image.bitmap.BitmapInfo;
import io.cowslip.web.openapi.DriveInPath;
import io.cowslip.web.openapi.Fails;
import io.cowslip.web.openapi.SharedParameters;
import io.cowslip.web.openapi.TakesJson;
import io.cowslip.web.problem.Refusal;
import io.swagger.v3.oas.annotations.Operation;
import io.swagger.v3.oas.annotations.Parameter;
import io.swagger.v3.oas.annotations.media.Content;
import io.swagger.v3.oas.annotations.media.ExampleObject;
import io.swagger.v3.oas.annotations.responses.ApiResponse;
import io.swagger.v3.oas.annotations.tags.Tag;
import java.io.IOException;
import java.util.List;
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
import org.springframework.web.util.UriComponentsBuilder;

/** The persistent dirty bitmaps of a drive's image. */
@RestController
@RequestMapping("/drives/{id}/bitmaps")
@Tag(name = "bitmaps", description = "What of a disk was changed since a backup")
class BitmapController {
    private static final String BITMAP = "The bitmap's name; a slash in it is %2F";

    private final DriveRegistry registry;

    BitmapController(DriveRegistry registry) {
        this.registry = registry;
    }

    @Operation(operationId = "listBitmaps", summary = "List the image's bitmaps")
    @ApiResponse(responseCode = "200", description = "All bitmaps, those that can only be deleted as well")
    @Fails({NO_SUCH_DRIVE, UNSUPPORTED_FEATURE, CORRUPT_IMAGE, HOST_IO})
    @GetMapping(produces = MediaType.APPLICATION_JSON_VALUE)
    List<BitmapBody> list(@PathVariable @DriveInPath DriveId id) throws IOException {
        try (DriveLease lease = registry.lease(id)) {
            return lease.image().bitmaps().list().stream()
                    .map(bitmap -> BitmapBody.of(bitmap, null))
                    .toList();
        }
    }

    @Operation(
            operationId = "createBitmap",
            summary = "Make a bitmap",
            description = "Nothing is marked in it. Unless it is disabled, every change of the disk is from now on. It"
                    + " is saved when the drive is closed or turned read-only; if the service dies before, it is"
                    + " inconsistent.")
    @io.swagger.v3.oas.annotations.parameters.RequestBody(
            content =
                    @Content(
                            examples = {
                                @ExampleObject(name = "plain", value = """
                                        {"name": "monday"}"""),
                                @ExampleObject(name = "fine", value = """
                                        {"name": "tuesday", "granularity": "4K", "disabled": true}""")
                            }))
    @ApiResponse(responseCode = "201", description = "The bitmap, and its place in Location")
    @TakesJson
    @ChangesImage
    @Fails({ALREADY_EXISTS, BUSY, INSUFFICIENT_STORAGE})
    @PostMapping(consumes = MediaType.APPLICATION_JSON_VALUE, produces = MediaType.APPLICATION_JSON_VALUE)
    ResponseEntity<BitmapBody> create(@PathVariable @DriveInPath DriveId id, @RequestBody BitmapBody.New request)
            throws IOException {
        String name = request.name();
        if (name == null) {
            throw Refusal.ofOption("name", "name is missing; it is what the bitmap will be known by");
        }
        // It is a part of the path from now on.
        if (name.chars().anyMatch(Character::isISOControl)) {
            throw Refusal.ofOption("name", "name has a control character, which paths cannot have");
        }
        long granularity = request.granularity() == null
                ? DirtyBitmaps.DEFAULT_GRANULARITY_BYTES
                : request.granularity().bytes();
        try (DriveLease lease = registry.lease(id)) {
            DirtyBitmaps bitmaps = lease.image().bitmaps();
            bitmaps.create(name, granularity, !Boolean.TRUE.equals(request.disabled()));
            return ResponseEntity.created(UriComponentsBuilder.fromPath("/drives/{id}/bitmaps/{name}")
                            .build(id.value(), name))
                    .body(shown(bitmaps, name));
        }
    }

    private static BitmapBody shown(DirtyBitmaps bitmaps, String name) throws IOException {
        BitmapInfo bitmap = bitmaps.info(name);
        return BitmapBody.of(
                bitmap, bitmap.inconsistent() ? null : bitmaps.map(name).dirtyBytes());
    }

    @Operation(operationId = "getBitmap", summary = "Show a bitmap, with how much it has marked")
    @ApiResponse(responseCode = "200", description = "The bitmap")
    @Fails({NO_SUCH_DRIVE, NOT_FOUND, UNSUPPORTED_FEATURE, CORRUPT_IMAGE, HOST_IO})
    @GetMapping(path = "/{name}", produces = MediaType.APPLICATION_JSON_VALUE)
    BitmapBody get(
            @PathVariable @DriveInPath DriveId id,
            @PathVariable @Parameter(description = BITMAP, example = "nightly") String name)
            throws IOException {
        try (DriveLease lease = registry.lease(id)) {
            return shown(lease.image().bitmaps(), name);
        }
    }

    @Operation(operationId = "changeBitmap", summary = "Disable or enable a bitmap")
    @io.swagger.v3.oas.annotations.parameters.RequestBody(
            content = @Content(examples = @ExampleObject(name = "freeze", value = """
                                        {"disabled": true}""")))
    @ApiResponse(responseCode = "200", description = "The bitmap as it is now")
    @TakesJson
    @ChangesImage
    @Fails({NOT_FOUND, INCONSISTENT_BITMAP})
    @PatchMapping(
            path = "/{name}",
            consumes = {MediaType.APPLICATION_JSON_VALUE, SharedParameters.MERGE_PATCH},
            produces = MediaType.APPLICATION_JSON_VALUE)
    BitmapBody change(
            @PathVariable @DriveInPath DriveId id,
            @PathVariable @Parameter(description = BITMAP, example = "nightly") String name,
            @RequestBody BitmapBody.Patch request)
            throws IOException {
        if (request.disabled() == null) {
            throw Refusal.ofOption("disabled", "disabled is missing; it may be true or false");
        }
        try (DriveLease lease = registry.lease(id)) {
            DirtyBitmaps bitmaps = lease.image().bitmaps();
            if (request.disabled()) {
                bitmaps.disable(name);
            } else {
                bitmaps.enable(name);
            }
            return shown(bitmaps, name);
        }
    }

    @Operation(operationId = "clearBitmap", summary = "Take all of a bitmap's marks away")
    @ApiResponse(responseCode = "200", description = "The bitmap as it is now")
    @ChangesImage
    @Fails({NOT_FOUND, INCONSISTENT_BITMAP})
    @PostMapping(path = "/{name}/clear", produces = MediaType.APPLICATION_JSON_VALUE)
    BitmapBody clear(
            @PathVariable @DriveInPath DriveId id,
            @PathVariable @Parameter(description = BITMAP, example = "nightly") String name)
            throws IOException {
        try (DriveLease lease = registry.lease(id)) {
            lease.image().bitmaps().clear(name);
            return shown(lease.image().bitmaps(), name);
        }
    }

    @Operation(
            operationId = "mergeBitmaps",
            summary = "Mark in a bitmap what others have marked",
            description = "The others stay as they are. Granularities may differ.")
    @io.swagger.v3.oas.annotations.parameters.RequestBody(
            content = @Content(examples = @ExampleObject(name = "one", value = """
                                        {"sources": ["weekly"]}""")))
    @ApiResponse(responseCode = "200", description = "The bitmap as it is now")
    @TakesJson
    @ChangesImage
    @Fails({NOT_FOUND, INCONSISTENT_BITMAP})
    @PostMapping(
            path = "/{name}/merge",
            consumes = MediaType.APPLICATION_JSON_VALUE,
            produces = MediaType.APPLICATION_JSON_VALUE)
    BitmapBody merge(
            @PathVariable @DriveInPath DriveId id,
            @PathVariable @Parameter(description = BITMAP, example = "nightly") String name,
            @RequestBody BitmapBody.Merge request)
            throws IOException {
        List<String> sources = request.sources();
        if (sources == null || sources.isEmpty()) {
            throw Refusal.ofOption("sources", "sources is missing; it names the bitmaps to merge");
        }
        try (DriveLease lease = registry.lease(id)) {
            lease.image().bitmaps().merge(name, sources);
            return shown(lease.image().bitmaps(), name);
        }
    }

    @Operation(operationId = "deleteBitmap", summary = "Delete a bitmap, whatever its state")
    @ApiResponse(responseCode = "204", description = "The bitmap is gone")
    @ChangesImage
    @Fails({NOT_FOUND, INSUFFICIENT_STORAGE})
    @DeleteMapping("/{name}")
    ResponseEntity<Void> delete(
            @PathVariable @DriveInPath DriveId id,
            @PathVariable @Parameter(description = BITMAP, example = "nightly") String name)
            throws IOException {
        try (DriveLease lease = registry.lease(id)) {
            lease.image().bitmaps().delete(name);
            return ResponseEntity.noContent().build();
        }
    }
}
