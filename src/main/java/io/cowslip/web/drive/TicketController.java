package io.cowslip.web.drive;

import static io.cowslip.web.problem.ProblemType.INCONSISTENT_BITMAP;
import static io.cowslip.web.problem.ProblemType.INVALID_IMAGE;
import static io.cowslip.web.problem.ProblemType.INVALID_OPTION;
import static io.cowslip.web.problem.ProblemType.LIMIT_REACHED;
import static io.cowslip.web.problem.ProblemType.NOT_FOUND;
import static io.cowslip.web.problem.ProblemType.NO_SUCH_DRIVE;
import static io.cowslip.web.problem.ProblemType.NO_SUCH_TICKET;
import static io.cowslip.web.problem.ProblemType.READ_ONLY;
import static io.cowslip.web.problem.ProblemType.TICKET_IN_USE;
import static io.cowslip.web.problem.ProblemType.UNAVAILABLE;
import static io.cowslip.web.problem.ProblemType.UNSUPPORTED_FEATURE;

import io.cowslip.access.AuditEntry;
import io.cowslip.drive.DriveId;
import io.cowslip.ticket.IssuedTicket;
import io.cowslip.ticket.Tickets;
import io.cowslip.web.json.Query;
import io.cowslip.web.openapi.DriveInPath;
import io.cowslip.web.openapi.Fails;
import io.cowslip.web.openapi.SharedParameters;
import io.cowslip.web.openapi.TakesJson;
import io.swagger.v3.oas.annotations.Operation;
import io.swagger.v3.oas.annotations.Parameter;
import io.swagger.v3.oas.annotations.enums.ParameterIn;
import io.swagger.v3.oas.annotations.media.Content;
import io.swagger.v3.oas.annotations.media.ExampleObject;
import io.swagger.v3.oas.annotations.media.Schema;
import io.swagger.v3.oas.annotations.responses.ApiResponse;
import io.swagger.v3.oas.annotations.tags.Tag;
import jakarta.servlet.http.HttpServletRequest;
import java.io.IOException;
import java.net.URI;
import java.time.Duration;
import java.util.List;
import org.springframework.http.CacheControl;
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

/** A drive's tickets. */
@RestController
@RequestMapping("/drives/{id}/tickets")
@Tag(name = "tickets", description = "Links to a drive's bytes that may be handed out")
class TicketController {
    private static final String TICKET = "The ticket's id, or the ticket itself";
    private static final int DEFAULT_PATIENCE_SECONDS = 60;
    private static final int MAX_PATIENCE_SECONDS = 600;

    private final Tickets tickets;

    TicketController(Tickets tickets) {
        this.tickets = tickets;
    }

    @Operation(
            operationId = "issueTicket",
            summary = "Make a ticket for a drive",
            description =
                    "Whoever has its transfer URL may do what it allows, until it is deleted, the drive is closed,"
                            + " or it was not used for the timeout. A request that uses it prolongs it.")
    @io.swagger.v3.oas.annotations.parameters.RequestBody(
            content =
                    @Content(
                            examples = {
                                @ExampleObject(name = "read", value = """
                                        {"ops": ["read"]}"""),
                                @ExampleObject(name = "in-full", value = """
                                        {"ops": ["read", "write"], "timeout": 3600, "inactivity-timeout": 120,
                                         "size": "4M"}""")
                            }))
    @ApiResponse(responseCode = "201", description = "The ticket with its transfer URL, and its place in Location")
    @TakesJson
    @Fails({
        READ_ONLY,
        NO_SUCH_DRIVE,
        NOT_FOUND,
        INVALID_IMAGE,
        INCONSISTENT_BITMAP,
        UNSUPPORTED_FEATURE,
        LIMIT_REACHED,
        UNAVAILABLE
    })
    @PostMapping(consumes = MediaType.APPLICATION_JSON_VALUE, produces = MediaType.APPLICATION_JSON_VALUE)
    ResponseEntity<TicketBody> issue(@PathVariable @DriveInPath DriveId id, @RequestBody NewTicket body)
            throws IOException {
        IssuedTicket issued = AuditEntry.of("make-ticket")
                .with("drive", id)
                .with("ops", body.ops())
                .around(() -> tickets.issue(id, body.request()));
        return ResponseEntity.created(URI.create(
                        "/drives/" + id + "/tickets/" + issued.view().ticket().id()))
                .cacheControl(CacheControl.noStore())
                .body(TicketBody.of(issued));
    }

    @Operation(operationId = "listTickets", summary = "List a drive's tickets, the oldest first")
    @ApiResponse(responseCode = "200", description = "The tickets, without their secrets")
    @Fails(NO_SUCH_DRIVE)
    @GetMapping(produces = MediaType.APPLICATION_JSON_VALUE)
    List<TicketBody> list(@PathVariable @DriveInPath DriveId id) {
        return tickets.tickets(id).stream().map(TicketBody::of).toList();
    }

    @Operation(operationId = "getTicket", summary = "Show a ticket")
    @ApiResponse(responseCode = "200", description = "The ticket, without its secret")
    @Fails({NO_SUCH_DRIVE, NO_SUCH_TICKET})
    @GetMapping(path = "/{ticket}", produces = MediaType.APPLICATION_JSON_VALUE)
    TicketBody get(
            @PathVariable @DriveInPath DriveId id,
            @PathVariable @Parameter(description = TICKET, example = SharedParameters.EXAMPLE_TICKET_ID)
                    String ticket) {
        return TicketBody.of(tickets.ticket(id, ticket));
    }

    @Operation(operationId = "extendTicket", summary = "Give a ticket a timeout anew, from now")
    @io.swagger.v3.oas.annotations.parameters.RequestBody(
            required = true,
            content = {
                @Content(
                        mediaType = SharedParameters.MERGE_PATCH,
                        schema = @Schema(implementation = TicketExtension.class),
                        examples = @ExampleObject(name = "an-hour", value = """
                                {"timeout": 3600}""")),
                @Content(
                        mediaType = MediaType.APPLICATION_JSON_VALUE,
                        schema = @Schema(implementation = TicketExtension.class),
                        examples = @ExampleObject(name = "an-hour", value = """
                                {"timeout": 3600}"""))
            })
    @ApiResponse(responseCode = "200", description = "The ticket as it is now")
    @TakesJson
    @Fails({NO_SUCH_DRIVE, NO_SUCH_TICKET, UNAVAILABLE})
    @PatchMapping(
            path = "/{ticket}",
            consumes = {SharedParameters.MERGE_PATCH, MediaType.APPLICATION_JSON_VALUE},
            produces = MediaType.APPLICATION_JSON_VALUE)
    TicketBody extend(
            @PathVariable @DriveInPath DriveId id,
            @PathVariable @Parameter(description = TICKET, example = SharedParameters.EXAMPLE_TICKET_ID) String ticket,
            @RequestBody TicketExtension extension) {
        return TicketBody.of(tickets.extend(id, ticket, extension.duration()));
    }

    @Operation(
            operationId = "cancelTicket",
            summary = "Cancel a ticket",
            description = "It opens nothing from now on. The answer waits for requests that use it; those that are not"
                    + " over after the timeout fail at their next piece.",
            parameters =
                    @Parameter(
                            in = ParameterIn.QUERY,
                            name = "timeout",
                            description = "Seconds that requests may still go on, at most " + MAX_PATIENCE_SECONDS,
                            schema = @Schema(type = "integer", defaultValue = "60"),
                            example = "60"))
    @ApiResponse(responseCode = "204", description = "The ticket is gone, and no request uses it")
    @Fails({INVALID_OPTION, NO_SUCH_DRIVE, NO_SUCH_TICKET, TICKET_IN_USE, UNAVAILABLE})
    @DeleteMapping("/{ticket}")
    ResponseEntity<Void> cancel(
            @PathVariable @DriveInPath DriveId id,
            @PathVariable @Parameter(description = TICKET, example = SharedParameters.EXAMPLE_TICKET_ID) String ticket,
            HttpServletRequest request)
            throws InterruptedException {
        int seconds = Query.of(request, "timeout").number("timeout", DEFAULT_PATIENCE_SECONDS, 0, MAX_PATIENCE_SECONDS);
        tickets.cancel(id, ticket, Duration.ofSeconds(seconds));
        return ResponseEntity.noContent().build();
    }
}
