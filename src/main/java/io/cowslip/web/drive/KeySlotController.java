package io.cowslip.web.drive;

import static io.cowslip.web.problem.ProblemType.BUSY;
import static io.cowslip.web.problem.ProblemType.FORBIDDEN_PATH;
import static io.cowslip.web.problem.ProblemType.KEY_REFUSED;
import static io.cowslip.web.problem.ProblemType.NOT_FOUND;
import static io.cowslip.web.problem.ProblemType.NO_SUCH_DRIVE;
import static io.cowslip.web.problem.ProblemType.READ_ONLY;
import static io.cowslip.web.problem.ProblemType.UNSUPPORTED_FEATURE;

import io.cowslip.access.AuditEntry;
import io.cowslip.drive.DriveId;
import io.cowslip.drive.registry.DriveLease;
import io.cowslip.drive.registry.DriveRegistry;
import io.cowslip.engine.image.encryption.KeySlotInfo;
import io.cowslip.engine.image.options.Secret;
import io.cowslip.web.openapi.Fails;
import io.cowslip.web.openapi.TakesJson;
import io.swagger.v3.oas.annotations.Operation;
import io.swagger.v3.oas.annotations.Parameter;
import io.swagger.v3.oas.annotations.media.Content;
import io.swagger.v3.oas.annotations.media.ExampleObject;
import io.swagger.v3.oas.annotations.media.Schema;
import io.swagger.v3.oas.annotations.responses.ApiResponse;
import io.swagger.v3.oas.annotations.tags.Tag;
import java.io.IOException;
import java.net.URI;
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

/** The passphrases of an open drive that is encrypted with LUKS. Each has one of eight slots; none is ever told. */
@RestController
@RequestMapping("/drives/{id}/key-slots")
@Tag(name = "key-slots", description = "Passphrases of encrypted drives")
class KeySlotController {
    private static final String DRIVE = "The drive's id";

    private final DriveRegistry registry;

    KeySlotController(DriveRegistry registry) {
        this.registry = registry;
    }

    /** A slot as it is shown. */
    @Schema(name = "KeySlot", description = "A place for a passphrase")
    record KeySlotBody(int keyslot, boolean active, int iterations) {
        static KeySlotBody of(KeySlotInfo info) {
            return new KeySlotBody(info.slot(), info.active(), info.iterations());
        }
    }

    @Operation(operationId = "listKeySlots", summary = "List the places for passphrases of an encrypted drive")
    @ApiResponse(responseCode = "200", description = "All eight slots")
    @Fails({NO_SUCH_DRIVE, UNSUPPORTED_FEATURE})
    @GetMapping(produces = MediaType.APPLICATION_JSON_VALUE)
    List<KeySlotBody> list(@PathVariable @Parameter(description = DRIVE, example = "secret") DriveId id)
            throws IOException {
        try (DriveLease lease = registry.lease(id)) {
            return lease.image().keySlots().list().stream().map(KeySlotBody::of).toList();
        }
    }

    @Operation(
            operationId = "addKeySlot",
            summary = "Let another passphrase open the image as well",
            description = "Durable when the answer comes. Takes a passphrase that opens the image now.")
    @io.swagger.v3.oas.annotations.parameters.RequestBody(
            content = @Content(examples = @ExampleObject(name = "second", value = """
                                            {"key-secret": "correct horse", "new-secret": "battery staple",
                                             "iter-time": 500}""")))
    @ApiResponse(responseCode = "201", description = "The slot, and its place in Location")
    @TakesJson
    @Fails({FORBIDDEN_PATH, KEY_REFUSED, READ_ONLY, NO_SUCH_DRIVE, UNSUPPORTED_FEATURE})
    @PostMapping(consumes = MediaType.APPLICATION_JSON_VALUE, produces = MediaType.APPLICATION_JSON_VALUE)
    ResponseEntity<KeySlotBody> add(
            @PathVariable @Parameter(description = DRIVE, example = "secret") DriveId id,
            @RequestBody KeySlotRequest request)
            throws IOException {
        request.check();
        try (DriveLease lease = registry.lease(id);
                Secret current = registry.secret(request.keySecret(), request.keySecretFile());
                Secret added = registry.secret(request.newSecret(), request.newSecretFile())) {
            int slot = AuditEntry.of("add-key-slot")
                    .with("drive", id)
                    .around(() -> lease.image()
                            .keySlots()
                            .add(current, added, request.keyslot(), request.iterTimeMillis(), System::nanoTime));
            return ResponseEntity.created(URI.create("/drives/" + id + "/key-slots/" + slot))
                    .body(KeySlotBody.of(lease.image().keySlots().list().get(slot)));
        }
    }

    @Operation(
            operationId = "eraseKeySlot",
            summary = "Let a passphrase open the image no longer",
            description = "The last active slot is kept. Who has an old copy of the image can open that still.")
    @ApiResponse(responseCode = "204", description = "The slot is overwritten")
    @Fails({NO_SUCH_DRIVE, NOT_FOUND, READ_ONLY, BUSY, UNSUPPORTED_FEATURE})
    @DeleteMapping("/{keyslot}")
    ResponseEntity<Void> erase(
            @PathVariable @Parameter(description = DRIVE, example = "secret") DriveId id,
            @PathVariable @Parameter(description = "The slot", example = "1") int keyslot)
            throws IOException {
        try (DriveLease lease = registry.lease(id)) {
            return AuditEntry.of("erase-key-slot")
                    .with("drive", id)
                    .with("keyslot", keyslot)
                    .around(() -> {
                        lease.image().keySlots().erase(keyslot);
                        return ResponseEntity.noContent().build();
                    });
        }
    }
}
