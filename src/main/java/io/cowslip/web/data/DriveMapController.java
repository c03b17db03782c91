package io.cowslip.web.data;

import static io.cowslip.web.problem.ProblemType.NO_SUCH_DRIVE;

import io.cowslip.drive.DriveId;
import io.cowslip.drive.registry.DriveLease;
import io.cowslip.drive.registry.DriveRegistry;
import io.cowslip.ticket.TicketChanges;
import io.cowslip.web.openapi.DriveInPath;
import io.cowslip.web.openapi.Fails;
import io.cowslip.web.problem.Refusal;
import io.swagger.v3.oas.annotations.Operation;
import io.swagger.v3.oas.annotations.Parameter;
import io.swagger.v3.oas.annotations.enums.ParameterIn;
import io.swagger.v3.oas.annotations.media.Schema;
import io.swagger.v3.oas.annotations.tags.Tag;
import jakarta.servlet.http.HttpServletRequest;
import jakarta.servlet.http.HttpServletResponse;
import java.io.IOException;
import org.springframework.http.MediaType;
import org.springframework.http.ResponseEntity;
import org.springframework.web.bind.annotation.GetMapping;
import org.springframework.web.bind.annotation.PathVariable;
import org.springframework.web.bind.annotation.RequestMapping;
import org.springframework.web.bind.annotation.RestController;

/** What can be known of a drive's bytes without moving them: where the zeros are, and their checksum. */
@RestController
@RequestMapping("/drives/{id}/data")
@Tag(name = "data")
class DriveMapController {

    private final DriveRegistry registry;
    private final DataExtents extents;
    private final DataChecksums checksums;

    DriveMapController(DriveRegistry registry, DataExtents extents, DataChecksums checksums) {
        this.registry = registry;
        this.extents = extents;
        this.checksums = checksums;
    }

    @Operation(
            operationId = "listExtents",
            summary = "List the disk's extents in order and without gaps",
            description = "Sent as they are found. With limit, the Link header has rel=next where there are more.",
            parameters = {
                @Parameter(
                        in = ParameterIn.QUERY,
                        name = "start",
                        description = "Where to begin, in bytes",
                        schema = @Schema(type = "string", defaultValue = "0"),
                        example = "0"),
                @Parameter(
                        in = ParameterIn.QUERY,
                        name = "length",
                        description = "How far to go, in bytes; by default to the end",
                        schema = @Schema(type = "string"),
                        example = "16M"),
                @Parameter(
                        in = ParameterIn.QUERY,
                        name = "limit",
                        description =
                                "Extents on a page, at most " + DataExtents.MAX_ON_PAGE + "; by default all at once",
                        schema = @Schema(type = "integer"),
                        example = "1000"),
                @Parameter(
                        in = ParameterIn.QUERY,
                        name = "context",
                        description =
                                "zero: where zeros and holes are; dirty: what a bitmap has marked, or what changed"
                                        + " since a snapshot",
                        schema = @Schema(type = "string", defaultValue = "zero")),
                @Parameter(
                        in = ParameterIn.QUERY,
                        name = "bitmap",
                        description = "The bitmap's name, with context=dirty",
                        schema = @Schema(type = "string")),
                @Parameter(
                        in = ParameterIn.QUERY,
                        name = "since",
                        description =
                                "In the place of bitmap, the id or else the name of a snapshot: what changed since"
                                        + " it was taken, found by comparing tables. Every byte that differs is in a dirty"
                                        + " extent; one that was written with what it held before may be. Of changes during"
                                        + " the request any part may be in it",
                        schema = @Schema(type = "string")),
                @Parameter(
                        in = ParameterIn.QUERY,
                        name = "until",
                        description = "With since, the snapshot that is compared with it, whose disk is listed; by"
                                + " default the disk as it is",
                        schema = @Schema(type = "string"))
            })
    @Fails(NO_SUCH_DRIVE)
    @ListsExtents
    @GetMapping(
            path = "/extents",
            produces = {MediaType.APPLICATION_JSON_VALUE, MediaType.APPLICATION_NDJSON_VALUE})
    void extents(@PathVariable @DriveInPath DriveId id, HttpServletRequest request, HttpServletResponse response)
            throws IOException {
        try (DriveLease lease = registry.lease(id)) {
            extents.answer(lease, DriveMapController::refuseUnnamed, request, response);
        }
    }

    private static TicketChanges refuseUnnamed() {
        throw Refusal.ofOption(
                "bitmap", "bitmap is missing; it names the bitmap, or since the snapshot, for context=dirty");
    }

    @Operation(
            operationId = "checksumData",
            summary = "Compute a checksum of the disk",
            description = "The digest of the concatenated raw digests of blocks of fixed size, the last one shorter."
                    + " Runs of zeros are not read, and neither format nor allocation change the result.",
            parameters = {
                @Parameter(
                        in = ParameterIn.QUERY,
                        name = "algorithm",
                        description =
                                "blake2b (32 bytes), blake2s, sha1, sha224, sha256, sha384, sha512, sha3_256, sha3_512",
                        schema = @Schema(type = "string", defaultValue = "blake2b"),
                        example = "sha256"),
                @Parameter(
                        in = ParameterIn.QUERY,
                        name = "start",
                        description = "Where the part of the disk begins that counts, in bytes",
                        schema = @Schema(type = "string", defaultValue = "0")),
                @Parameter(
                        in = ParameterIn.QUERY,
                        name = "length",
                        description = "How long it is, in bytes; by default to the end",
                        schema = @Schema(type = "string")),
                @Parameter(
                        in = ParameterIn.QUERY,
                        name = "block_size",
                        description = "Bytes of a block, from 65536 to 67108864",
                        schema = @Schema(type = "integer", defaultValue = "4194304"),
                        example = "4194304")
            })
    @ComputesChecksum
    @Fails(NO_SUCH_DRIVE)
    @GetMapping(path = "/checksum", produces = MediaType.APPLICATION_JSON_VALUE)
    ResponseEntity<DataChecksum> checksum(@PathVariable @DriveInPath DriveId id, HttpServletRequest request)
            throws IOException {
        try (DriveLease lease = registry.lease(id)) {
            return checksums.answer(lease, request);
        }
    }
}
