package io.cowslip.web.drive;

import io.cowslip.ticket.TicketChanges;
import io.cowslip.ticket.TicketOperation;
import io.cowslip.ticket.TicketRequest;
import io.cowslip.web.json.ByteSize;
import io.cowslip.web.problem.Refusal;
import io.swagger.v3.oas.annotations.media.Schema;
import java.time.Duration;
import java.util.EnumSet;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * A ticket to be made, as JSON has it.
 *
 * @param ops what it allows: read, write
 * @param timeout seconds that it is good for without being used
 * @param inactivityTimeout seconds that it is good for after it was used
 * @param size how much of the disk it opens
 * @param bitmap what its dirty extents count from
 * @param since in the place of bitmap, a snapshot
 * @param until with since, the snapshot that is compared with it
 */
@Schema(name = "NewTicket", description = "What a ticket should allow, and for how long")
record NewTicket(
        @Schema(
                requiredMode = Schema.RequiredMode.REQUIRED,
                description = "What it allows; write does not imply read",
                allowableValues = {"read", "write"})
        @Nullable
        List<@Nullable String> ops,

        @Schema(
                description = "Seconds that it is good for without being used, at most 2592000: from when it is made,"
                        + " extended or was used last",
                defaultValue = "300")
        @Nullable
        Long timeout,

        @Schema(description = "Seconds that it is good for after it was used, where that is less; 0 is the timeout")
        @Nullable
        Long inactivityTimeout,

        @Schema(description = "How much of the disk it opens, from its start; by default all of it") @Nullable
        ByteSize size,

        @Schema(description = "The bitmap that context=dirty of its extents takes") @Nullable
        String bitmap,

        @Schema(description = "In the place of bitmap, the snapshot") @Nullable
        String since,

        @Schema(description = "With since, the snapshot that is compared with it") @Nullable
        String until) {
    private static final long DEFAULT_TIMEOUT_SECONDS = 300;
    private static final String OPERATIONS = "it takes a list of \"read\" and \"write\"";

    TicketRequest request() {
        return new TicketRequest(
                operations(),
                size == null ? null : size.bytes(),
                timeout("timeout", timeout == null ? DEFAULT_TIMEOUT_SECONDS : timeout),
                inactivityTimeout == null || inactivityTimeout == 0
                        ? null
                        : timeout("inactivity-timeout", inactivityTimeout),
                changes());
    }

    /** Seconds that a ticket may be good for. */
    static Duration timeout(String name, long seconds) {
        long most = TicketRequest.MAX_TIMEOUT.toSeconds();
        if (seconds < 1 || seconds > most) {
            throw Refusal.ofOption(name, name + " is " + seconds + "; it may be from 1 to " + most + " seconds");
        }
        return Duration.ofSeconds(seconds);
    }

    private Set<TicketOperation> operations() {
        if (ops == null || ops.isEmpty()) {
            throw Refusal.ofOption("ops", "ops is missing or empty; " + OPERATIONS);
        }
        Set<TicketOperation> operations = EnumSet.noneOf(TicketOperation.class);
        for (String name : ops) {
            operations.add(operation(String.valueOf(name)));
        }
        return operations;
    }

    private static TicketOperation operation(String name) {
        return switch (name) {
            case "read" -> TicketOperation.READ;
            case "write" -> TicketOperation.WRITE;
            default -> throw Refusal.ofOption("ops", "ops has \"" + name + "\"; " + OPERATIONS);
        };
    }

    static String wireName(TicketOperation operation) {
        return operation.name().toLowerCase(Locale.ROOT);
    }

    private @Nullable TicketChanges changes() {
        if (bitmap != null && since != null) {
            throw Refusal.ofOption("since", "since and bitmap are both given; a ticket takes one of them");
        }
        if (until != null && since == null) {
            throw Refusal.ofOption("until", "until goes with since, which is missing");
        }
        return bitmap == null && since == null ? null : new TicketChanges(bitmap, since, until);
    }
}
