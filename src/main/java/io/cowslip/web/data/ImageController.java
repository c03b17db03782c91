package io.cowslip.web.data;

import static io.cowslip.web.problem.ProblemType.CORRUPT_IMAGE;
import static io.cowslip.web.problem.ProblemType.HOST_IO;
import static io.cowslip.web.problem.ProblemType.NOT_FOUND;
import static io.cowslip.web.problem.ProblemType.TICKET_REFUSED;

import io.cowslip.engine.image.DiskImage;
import io.cowslip.ticket.TicketChanges;
import io.cowslip.ticket.TicketLease;
import io.cowslip.ticket.TicketOperation;
import io.cowslip.ticket.TicketToken;
import io.cowslip.ticket.Tickets;
import io.cowslip.web.json.Query;
import io.cowslip.web.openapi.ConditionalOnData;
import io.cowslip.web.openapi.Fails;
import io.cowslip.web.openapi.OctetStreamBody;
import io.cowslip.web.openapi.SendsOneRange;
import io.cowslip.web.openapi.SharedParameters;
import io.cowslip.web.problem.Refusal;
import io.cowslip.web.server.WebProperties;
import io.swagger.v3.oas.annotations.Operation;
import io.swagger.v3.oas.annotations.Parameter;
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
import org.jspecify.annotations.Nullable;
import org.springframework.http.MediaType;
import org.springframework.http.ResponseEntity;
import org.springframework.web.bind.annotation.GetMapping;
import org.springframework.web.bind.annotation.PatchMapping;
import org.springframework.web.bind.annotation.PathVariable;
import org.springframework.web.bind.annotation.PutMapping;
import org.springframework.web.bind.annotation.RequestMapping;
import org.springframework.web.bind.annotation.RequestMethod;
import org.springframework.web.bind.annotation.RestController;

/**
 * The guest's bytes of a drive for who has a ticket, in the dialect of oVirt imageio's images API. What answers is what
 * answers at {@link DriveDataController} and {@link DriveMapController}; where the dialects differ, the difference stands
 * here.
 */
@RestController
@RequestMapping("/images/{ticket}")
@Tag(name = "images", description = "The guest's bytes, by ticket, as clients of oVirt imageio expect them")
class ImageController {
    /** In the description's examples the place of a ticket, which cannot be known before. */
    private static final String TICKET = "The ticket";

    /** Stands for a ticket that allows all there is. */
    private static final String ANY = "*";

    /** imageio's clients are told that it takes no more. */
    private static final int MAX_RANGES = 1;

    private final Tickets tickets;
    private final DataOptions options;
    private final DataReads reads;
    private final DataWrites writes;
    private final DataPatches patches;
    private final DataExtents extents;
    private final DataChecksums checksums;
    private final @Nullable String unixSocket;

    ImageController(
            Tickets tickets,
            DataOptions options,
            DataReads reads,
            DataWrites writes,
            DataPatches patches,
            DataExtents extents,
            DataChecksums checksums,
            WebProperties properties) {
        this.tickets = tickets;
        this.options = options;
        this.reads = reads;
        this.writes = writes;
        this.patches = patches;
        this.extents = extents;
        this.checksums = checksums;
        this.unixSocket = properties.unixSocketName();
    }

    private TicketLease lease(String ticket, @Nullable TicketOperation operation) {
        return tickets.lease(TicketToken.of(ticket), operation);
    }

    @Operation(
            operationId = "imageOptions",
            summary = "Tell what can be done by a ticket",
            description = "For the ticket * what can be done by one that allows everything.")
    @ApiResponse(responseCode = "200", description = "The methods in Allow, and imageio's features")
    @Fails(TICKET_REFUSED)
    @RequestMapping(method = RequestMethod.OPTIONS, produces = MediaType.APPLICATION_JSON_VALUE)
    ResponseEntity<DataFeatures> options(
            @PathVariable @Parameter(description = TICKET, example = SharedParameters.EXAMPLE_TICKET) String ticket) {
        if (ticket.equals(ANY)) {
            return options.answer(true, true, unixSocket);
        }
        try (TicketLease lease = lease(ticket, null)) {
            DiskImage image = lease.image();
            return options.answer(
                    lease.request().operations().contains(TicketOperation.READ),
                    lease.request().operations().contains(TicketOperation.WRITE)
                            && !image.readOnly()
                            && !image.isCorrupt(),
                    unixSocket);
        }
    }

    @Operation(
            operationId = "readImage",
            summary = "Read the disk, or a range of it, by a ticket",
            parameters = {
                @Parameter(
                        in = ParameterIn.HEADER,
                        name = "Range",
                        description = "bytes=first-last, bytes=first-, bytes=-length; several ranges answer 416",
                        schema = @Schema(type = "string"),
                        example = "bytes=0-511")
            })
    @ApiResponse(
            responseCode = "200",
            description = "The whole disk, up to the ticket's size",
            content =
                    @Content(
                            mediaType = DataHeaders.OCTET_STREAM,
                            schema = @Schema(type = "string", format = "binary")))
    @SendsOneRange
    @ConditionalOnData
    @Parameter(ref = SharedParameters.IF_RANGE)
    @Fails({TICKET_REFUSED, CORRUPT_IMAGE, HOST_IO})
    @GetMapping
    void read(
            @PathVariable @Parameter(description = TICKET, example = SharedParameters.EXAMPLE_TICKET) String ticket,
            HttpServletRequest request,
            HttpServletResponse response)
            throws IOException {
        DataShortcut.rethrow(request);
        try (TicketLease lease = lease(ticket, TicketOperation.READ)) {
            Query.of(request);
            reads.answer(lease, MAX_RANGES, request, response);
        }
    }

    @Operation(operationId = "headImage", summary = "Tell the size of what a ticket opens")
    @ApiResponse(responseCode = "200", description = "The headers of the whole disk", content = @Content)
    @ConditionalOnData
    @Fails(TICKET_REFUSED)
    @RequestMapping(method = RequestMethod.HEAD)
    void head(
            @PathVariable @Parameter(description = TICKET, example = SharedParameters.EXAMPLE_TICKET) String ticket,
            HttpServletRequest request,
            HttpServletResponse response)
            throws IOException {
        read(ticket, request, response);
    }

    @Operation(operationId = "writeImage", summary = "Write at the start of Content-Range, or of the disk, by a ticket")
    @OctetStreamBody
    @Fails(TICKET_REFUSED)
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
            example = "n")
    @PutMapping
    void write(
            @PathVariable @Parameter(description = TICKET, example = SharedParameters.EXAMPLE_TICKET) String ticket,
            HttpServletRequest request,
            HttpServletResponse response)
            throws IOException {
        DataShortcut.rethrow(request);
        try (TicketLease lease = lease(ticket, TicketOperation.WRITE)) {
            writes.write(lease, request, Query.of(request, "flush").yes("flush", true));
        }
        DataWrites.acknowledge(response);
    }

    @Operation(operationId = "patchImage", summary = "Zero, discard, flush or write a range by a ticket")
    @RequestBody(
            required = true,
            content = {
                @Content(
                        mediaType = MediaType.APPLICATION_JSON_VALUE,
                        schema = @Schema(implementation = DataOperationRequest.class),
                        examples = {
                            @ExampleObject(name = "zero", value = """
                                    {"op": "zero", "offset": 65536, "size": 131072, "flush": false}"""),
                            @ExampleObject(name = "flush", value = """
                                    {"op": "flush"}""")
                        }),
                @Content(
                        mediaType = DataHeaders.OCTET_STREAM,
                        schema = @Schema(type = "string", format = "binary"),
                        examples = @ExampleObject(name = "sixteen-bytes", value = "sixteen bytes..."))
            })
    @Fails(TICKET_REFUSED)
    @PatchesData
    @PatchMapping
    void patch(
            @PathVariable @Parameter(description = TICKET, example = SharedParameters.EXAMPLE_TICKET) String ticket,
            HttpServletRequest request,
            HttpServletResponse response)
            throws IOException {
        try (TicketLease lease = lease(ticket, TicketOperation.WRITE)) {
            patches.apply(lease, request);
        }
        DataWrites.acknowledge(response);
    }

    @Operation(
            operationId = "listImageExtents",
            summary = "List the extents of what a ticket opens, in order and without gaps",
            description = "As listExtents; context=dirty alone takes the bitmap or snapshot that the ticket was made"
                    + " with, and answers 404 where there is none.",
            parameters =
                    @Parameter(
                            in = ParameterIn.QUERY,
                            name = "context",
                            description = "zero, or dirty for what changed",
                            schema = @Schema(type = "string", defaultValue = "zero"),
                            example = "zero"))
    @Fails(TICKET_REFUSED)
    @ListsExtents
    @GetMapping(
            path = "/extents",
            produces = {MediaType.APPLICATION_JSON_VALUE, MediaType.APPLICATION_NDJSON_VALUE})
    void extents(
            @PathVariable @Parameter(description = TICKET, example = SharedParameters.EXAMPLE_TICKET) String ticket,
            HttpServletRequest request,
            HttpServletResponse response)
            throws IOException {
        try (TicketLease lease = lease(ticket, TicketOperation.READ)) {
            extents.answer(lease, () -> changes(lease), request, response);
        }
    }

    private static TicketChanges changes(TicketLease lease) {
        TicketChanges changes = lease.request().changes();
        if (changes == null) {
            throw Refusal.of(
                    NOT_FOUND, "the ticket was made without a bitmap or a snapshot for context=dirty to count from");
        }
        return changes;
    }

    @Operation(
            operationId = "checksumImage",
            summary = "Compute a checksum of what a ticket opens",
            description = "As checksumData.")
    @ComputesChecksum
    @Fails(TICKET_REFUSED)
    @GetMapping(path = "/checksum", produces = MediaType.APPLICATION_JSON_VALUE)
    ResponseEntity<DataChecksum> checksum(
            @PathVariable @Parameter(description = TICKET, example = SharedParameters.EXAMPLE_TICKET) String ticket,
            HttpServletRequest request)
            throws IOException {
        try (TicketLease lease = lease(ticket, TicketOperation.READ)) {
            return checksums.answer(lease, request);
        }
    }
}
