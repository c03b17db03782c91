package io.cowslip.web.data;

import static io.cowslip.web.problem.ProblemType.CORRUPT_IMAGE;
import static io.cowslip.web.problem.ProblemType.HOST_IO;
import static io.cowslip.web.problem.ProblemType.NO_SUCH_DRIVE;

import io.cowslip.drive.DriveId;
import io.cowslip.drive.registry.DriveLease;
import io.cowslip.drive.registry.DriveRegistry;
import io.cowslip.engine.image.DiskImage;
import io.cowslip.web.json.Query;
import io.cowslip.web.openapi.ConditionalOnData;
import io.cowslip.web.openapi.DriveInPath;
import io.cowslip.web.openapi.Fails;
import io.cowslip.web.openapi.OctetStreamBody;
import io.cowslip.web.openapi.SendsRanges;
import io.cowslip.web.openapi.SharedParameters;
import io.swagger.v3.oas.annotations.Operation;
import io.swagger.v3.oas.annotations.Parameter;
import io.swagger.v3.oas.annotations.Parameters;
import io.swagger.v3.oas.annotations.enums.ParameterIn;
import io.swagger.v3.oas.annotations.media.Content;
import io.swagger.v3.oas.annotations.media.ExampleObject;
import io.swagger.v3.oas.annotations.media.Schema;
import io.swagger.v3.oas.annotations.parameters.RequestBody;
import io.swagger.v3.oas.annotations.responses.ApiResponse;
import io.swagger.v3.oas.annotations.tags.Tag;
import jakarta.servlet.http.HttpServletRequest;
import jakarta.servlet.http.HttpServletResponse;
import java.io.IOException;
import org.springframework.http.MediaType;
import org.springframework.http.ResponseEntity;
import org.springframework.web.bind.annotation.GetMapping;
import org.springframework.web.bind.annotation.PatchMapping;
import org.springframework.web.bind.annotation.PathVariable;
import org.springframework.web.bind.annotation.PutMapping;
import org.springframework.web.bind.annotation.RequestMapping;
import org.springframework.web.bind.annotation.RequestMethod;
import org.springframework.web.bind.annotation.RestController;

/** The guest's bytes of a drive. The bodies go between the servlet's streams and the image, past Spring's converters. */
@RestController
@RequestMapping("/drives/{id}/data")
@Tag(name = "data", description = "The guest's bytes")
class DriveDataController {

    private final DriveRegistry registry;
    private final DataOptions options;
    private final DataReads reads;
    private final DataWrites writes;
    private final DataPatches patches;

    DriveDataController(
            DriveRegistry registry, DataOptions options, DataReads reads, DataWrites writes, DataPatches patches) {
        this.registry = registry;
        this.options = options;
        this.reads = reads;
        this.writes = writes;
        this.patches = patches;
    }

    @Operation(operationId = "dataOptions", summary = "Tell what can be done with the data")
    @ApiResponse(responseCode = "200", description = "The methods in Allow, and imageio's features")
    @Fails(NO_SUCH_DRIVE)
    @RequestMapping(method = RequestMethod.OPTIONS, produces = MediaType.APPLICATION_JSON_VALUE)
    ResponseEntity<DataFeatures> options(@PathVariable @DriveInPath DriveId id) {
        try (DriveLease lease = registry.lease(id)) {
            DiskImage image = lease.image();
            return options.answer(true, !image.readOnly() && !image.isCorrupt(), null);
        }
    }

    @Operation(
            operationId = "readData",
            summary = "Read the disk, or ranges of it",
            description = "One range answers 206 with Content-Range, several (at most 16, joined where they touch) with"
                    + " multipart/byteranges. Want-Content-Digest is answered for one range within the verify limit.")
    @ApiResponse(
            responseCode = "200",
            description = "The whole disk",
            content =
                    @Content(
                            mediaType = DataHeaders.OCTET_STREAM,
                            schema = @Schema(type = "string", format = "binary")))
    @SendsRanges
    @ConditionalOnData
    @Parameters({
        @Parameter(ref = SharedParameters.IF_RANGE),
        @Parameter(
                in = ParameterIn.HEADER,
                name = "Want-Content-Digest",
                description = "RFC 9530; sha-256 and sha-512",
                schema = @Schema(type = "string"),
                example = "sha-256=10")
    })
    @Fails({NO_SUCH_DRIVE, CORRUPT_IMAGE, HOST_IO})
    @GetMapping
    void read(@PathVariable @DriveInPath DriveId id, HttpServletRequest request, HttpServletResponse response)
            throws IOException {
        DataShortcut.rethrow(request);
        Query.of(request);
        try (DriveLease lease = registry.lease(id)) {
            reads.answer(lease, RangeHeader.MAX_RANGES, request, response);
        }
    }

    @Operation(operationId = "headData", summary = "Tell the disk's size and ETag")
    @ApiResponse(responseCode = "200", description = "The headers of the whole disk", content = @Content)
    @ConditionalOnData
    @Fails(NO_SUCH_DRIVE)
    @RequestMapping(method = RequestMethod.HEAD)
    void head(@PathVariable @DriveInPath DriveId id, HttpServletRequest request, HttpServletResponse response)
            throws IOException {
        read(id, request, response);
    }

    @Operation(
            operationId = "writeData",
            summary = "Write at the start of Content-Range, or of the disk",
            description = "Refused before a byte is written where the body would pass the end of the disk. With"
                    + " Content-Digest the body is verified before anything is written. The length is not limited.")
    @OctetStreamBody
    @Fails(NO_SUCH_DRIVE)
    @WritesData
    @Parameter(
            in = ParameterIn.QUERY,
            name = "flush",
            description = "Whether the answer waits for stable storage",
            schema =
                    @Schema(
                            type = "string",
                            allowableValues = {"y", "n"},
                            defaultValue = "y"),
            example = "y")
    @PutMapping
    void write(@PathVariable @DriveInPath DriveId id, HttpServletRequest request, HttpServletResponse response)
            throws IOException {
        DataShortcut.rethrow(request);
        boolean flush = Query.of(request, "flush").yes("flush", true);
        try (DriveLease lease = registry.lease(id)) {
            writes.write(lease, request, flush);
        }
        DataWrites.acknowledge(response);
    }

    @Operation(
            operationId = "patchData",
            summary = "Write a range, or zero, discard or flush",
            description = "application/octet-stream with Content-Range writes as PUT does, by default without a flush."
                    + " JSON, also with no Content-Type, is an operation without data.")
    @RequestBody(
            required = true,
            content = {
                @Content(
                        mediaType = MediaType.APPLICATION_JSON_VALUE,
                        schema = @Schema(implementation = DataOperationRequest.class),
                        examples = {
                            @ExampleObject(name = "zero", value = """
                                    {"op": "zero", "offset": 65536, "size": 131072, "flush": true}"""),
                            @ExampleObject(name = "discard", value = """
                                    {"op": "discard", "offset": "1M", "size": "2M"}"""),
                            @ExampleObject(name = "flush", value = """
                                    {"op": "flush"}""")
                        }),
                @Content(
                        mediaType = DataHeaders.OCTET_STREAM,
                        schema = @Schema(type = "string", format = "binary"),
                        examples = @ExampleObject(name = "sixteen-bytes", value = "sixteen bytes..."))
            })
    @Fails(NO_SUCH_DRIVE)
    @PatchesData
    @PatchMapping
    void patch(@PathVariable @DriveInPath DriveId id, HttpServletRequest request, HttpServletResponse response)
            throws IOException {
        try (DriveLease lease = registry.lease(id)) {
            patches.apply(lease, request);
        }
        DataWrites.acknowledge(response);
    }
}
