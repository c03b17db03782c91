package io.cowslip.web.volume;

import static io.cowslip.web.problem.ProblemType.ALREADY_EXISTS;
import static io.cowslip.web.problem.ProblemType.BUSY;
import static io.cowslip.web.problem.ProblemType.FORBIDDEN_PATH;
import static io.cowslip.web.problem.ProblemType.INSUFFICIENT_STORAGE;
import static io.cowslip.web.problem.ProblemType.INVALID_IMAGE;
import static io.cowslip.web.problem.ProblemType.INVALID_OPTION;
import static io.cowslip.web.problem.ProblemType.IN_USE;
import static io.cowslip.web.problem.ProblemType.NOT_FOUND;
import static io.cowslip.web.problem.ProblemType.UNSUPPORTED_FEATURE;
import static io.cowslip.web.problem.ProblemType.UNSUPPORTED_OPTION;

import io.cowslip.access.AuditEntry;
import io.cowslip.drive.volume.Volumes;
import io.cowslip.engine.image.ImageInfo;
import io.cowslip.engine.image.options.CreateOptions;
import io.cowslip.web.json.Query;
import io.cowslip.web.openapi.Fails;
import io.cowslip.web.openapi.SharedParameters;
import io.cowslip.web.openapi.TakesJson;
import io.cowslip.web.problem.Refusal;
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
import java.util.List;
import org.springframework.http.HttpHeaders;
import org.springframework.http.MediaType;
import org.springframework.http.ResponseEntity;
import org.springframework.web.bind.annotation.DeleteMapping;
import org.springframework.web.bind.annotation.GetMapping;
import org.springframework.web.bind.annotation.PatchMapping;
import org.springframework.web.bind.annotation.PathVariable;
import org.springframework.web.bind.annotation.PutMapping;
import org.springframework.web.bind.annotation.RequestBody;
import org.springframework.web.bind.annotation.RequestMapping;
import org.springframework.web.bind.annotation.RestController;
import org.springframework.web.util.UriComponentsBuilder;

/** Volumes: image files in the image root, open or not. */
@RestController
@RequestMapping("/volumes")
@Tag(name = "volumes", description = "Image files in the image root")
class VolumeController {
    private static final int MAX_PAGE = 1000;
    private static final String DEPENDENTS = "dependents";
    private static final String WIPE = "wipe";
    private static final String VOLUME = "The volume: a path relative to the image root";

    private final Volumes volumes;

    VolumeController(Volumes volumes) {
        this.volumes = volumes;
    }

    /** A volume in a list. */
    @Schema(name = "VolumeName", description = "A volume, named by its path relative to the image root")
    record Entry(String name) {}

    @Operation(
            operationId = "listVolumes",
            summary = "List volumes by name, a page at a time",
            description = "Where there are more, the Link header has rel=next.",
            parameters = {
                @Parameter(
                        in = ParameterIn.QUERY,
                        name = "prefix",
                        description = "How the names begin",
                        schema = @Schema(type = "string"),
                        example = "vm1/"),
                @Parameter(
                        in = ParameterIn.QUERY,
                        name = "after",
                        description = "The name after which the page begins",
                        schema = @Schema(type = "string")),
                @Parameter(
                        in = ParameterIn.QUERY,
                        name = "limit",
                        description = "Names on a page, at most " + MAX_PAGE,
                        schema = @Schema(type = "integer", defaultValue = "1000"),
                        example = "100")
            })
    @ApiResponse(responseCode = "200", description = "Volumes in code point order")
    @Fails(INVALID_OPTION)
    @GetMapping(produces = MediaType.APPLICATION_JSON_VALUE)
    ResponseEntity<List<Entry>> list(HttpServletRequest request) throws IOException {
        Query query = Query.of(request, "prefix", "after", "limit");
        String prefix = query.text("prefix", "");
        int limit = query.number("limit", MAX_PAGE, 1, MAX_PAGE);
        Volumes.Page page = volumes.list(prefix, query.text("after"), limit);
        ResponseEntity.BodyBuilder answer = ResponseEntity.ok();
        if (page.next() != null) {
            answer.header(HttpHeaders.LINK, next(prefix, page.next(), limit));
        }
        return answer.body(page.names().stream().map(Entry::new).toList());
    }

    private static String next(String prefix, String after, int limit) {
        String uri = UriComponentsBuilder.fromPath("/volumes")
                .queryParam("prefix", "{prefix}")
                .queryParam("after", "{after}")
                .queryParam("limit", limit)
                .encode()
                .buildAndExpand(prefix, after)
                .toUriString();
        return "<" + uri + ">; rel=\"next\"";
    }

    @Operation(
            operationId = "getVolume",
            summary = "Show a volume's facts and those of its backing chain, from the top down",
            description =
                    "What qemu-img info --backing-chain --output=json prints, names relative to the image root, and"
                            + " what each volume takes.",
            parameters =
                    @Parameter(
                            in = ParameterIn.QUERY,
                            name = "dependents",
                            description =
                                    "Whether to name the volumes that need this one: all volumes are looked at for it",
                            schema =
                                    @Schema(
                                            type = "string",
                                            allowableValues = {"y", "n"},
                                            defaultValue = "n"),
                            example = "y"))
    @ApiResponse(responseCode = "200", description = "The facts, one object a layer")
    @Fails({INVALID_OPTION, FORBIDDEN_PATH, NOT_FOUND, INVALID_IMAGE})
    @GetMapping(path = "/{*path}", produces = MediaType.APPLICATION_JSON_VALUE)
    List<VolumeFacts> facts(
            @PathVariable @Parameter(description = VOLUME, example = "vm1/root.qcow2") String path,
            HttpServletRequest request)
            throws IOException {
        List<VolumeFacts> chain = shown(volumes.facts(VolumePath.name(path)));
        if (Query.of(request, DEPENDENTS).yes(DEPENDENTS, false)) {
            chain.set(0, chain.getFirst().withDependents(volumes.dependents(VolumePath.name(path))));
        }
        return chain;
    }

    @Operation(operationId = "createVolume", summary = "Create a volume")
    @io.swagger.v3.oas.annotations.parameters.RequestBody(
            content =
                    @Content(
                            examples = {
                                @ExampleObject(name = "disk", value = """
                                        {"virtual-size": "8G"}"""),
                                @ExampleObject(name = "overlay", value = """
                                        {"format": "qcow2", "backing-file": "root.qcow2", "backing-format": "qcow2"}"""),
                                @ExampleObject(name = "clone", value = """
                                        {"clone-of": "vm1/base.qcow2"}"""),
                                @ExampleObject(name = "with-data-file", value = """
                                        {"virtual-size": "1G", "data-file": "new.data", "data-file-raw": true}"""),
                                @ExampleObject(name = "encrypted", value = """
                                        {"virtual-size": "1G",
                                         "encrypt": {"format": "luks", "key-secret": "correct horse",
                                                     "cipher-alg": "aes-256", "iter-time": 500}}"""),
                                @ExampleObject(name = "in-full", value = """
                                        {"format": "qcow2", "virtual-size": 1073741824, "cluster-size": "128K",
                                         "refcount-bits": 8, "compression-type": "zstd", "compat": "1.1",
                                         "preallocation": "metadata", "lazy-refcounts": true}""")
                            }))
    @ApiResponse(responseCode = "201", description = "The new volume's facts; the file is durable")
    @TakesJson
    @Fails({UNSUPPORTED_OPTION, FORBIDDEN_PATH, NOT_FOUND, ALREADY_EXISTS, INVALID_IMAGE, INSUFFICIENT_STORAGE})
    @PutMapping(
            path = "/{*path}",
            consumes = MediaType.APPLICATION_JSON_VALUE,
            produces = MediaType.APPLICATION_JSON_VALUE)
    ResponseEntity<List<VolumeFacts>> create(
            @PathVariable @Parameter(description = VOLUME, example = "vm1/new.qcow2") String path,
            @RequestBody VolumeRequest request)
            throws IOException {
        NewVolumeEncryption encryption = request.encrypt();
        List<ImageInfo> chain = AuditEntry.of("create-volume")
                .with("volume", VolumePath.name(path))
                .with("backing-file", request.backingFile())
                .with("clone-of", request.cloneOf())
                .around(() -> {
                    CreateOptions options = options(VolumePath.name(path), request);
                    return encryption == null
                            ? volumes.create(VolumePath.name(path), options)
                            : volumes.create(VolumePath.name(path), options, encryption.options());
                });
        return ResponseEntity.created(UriComponentsBuilder.fromPath("/volumes" + path)
                        .build()
                        .encode()
                        .toUri())
                .body(shown(chain));
    }

    private CreateOptions options(String name, VolumeRequest request) throws IOException {
        String base = request.cloneOf();
        if (base == null) {
            return request.options();
        }
        if (request.backingFile() != null) {
            throw Refusal.ofOption("clone-of", "clone-of and backing-file both say what the volume backs on; give one");
        }
        return volumes.overBase(name, base, request.options());
    }

    @Operation(
            operationId = "amendVolume",
            summary = "Amend a volume",
            description =
                    "As qemu-img amend, and as qemu-img rebase -u for the backing file. A crash leaves the volume as it"
                            + " was or as it is to be. Refused while the volume is open.")
    @io.swagger.v3.oas.annotations.parameters.RequestBody(
            content =
                    @Content(
                            examples = {
                                @ExampleObject(name = "lazy", value = """
                                        {"lazy-refcounts": true}"""),
                                @ExampleObject(name = "older", value = """
                                        {"compat": "0.10", "refcount-bits": 16}""")
                            }))
    @ApiResponse(responseCode = "200", description = "The volume's facts as they are now, durable")
    @TakesJson
    @Fails({FORBIDDEN_PATH, NOT_FOUND, IN_USE, BUSY, INVALID_IMAGE, UNSUPPORTED_FEATURE, INSUFFICIENT_STORAGE})
    @PatchMapping(
            path = "/{*path}",
            consumes = {SharedParameters.MERGE_PATCH, MediaType.APPLICATION_JSON_VALUE},
            produces = MediaType.APPLICATION_JSON_VALUE)
    List<VolumeFacts> amend(
            @PathVariable @Parameter(description = VOLUME, example = "vm1/root.qcow2") String path,
            @RequestBody AmendRequest request)
            throws IOException {
        return shown(AuditEntry.of("amend-volume")
                .with("volume", VolumePath.name(path))
                .around(() -> volumes.amend(VolumePath.name(path), request.options())));
    }

    @Operation(
            operationId = "deleteVolume",
            summary = "Delete a volume",
            description =
                    "Refused while the volume is open as a drive, another volume backs on it or has its data in it.",
            parameters =
                    @Parameter(
                            in = ParameterIn.QUERY,
                            name = WIPE,
                            description =
                                    "Whether zeros are written over all that the file holds before it is deleted, which"
                                            + " takes as long as it takes the host to write so much",
                            schema =
                                    @Schema(
                                            type = "string",
                                            allowableValues = {"y", "n"},
                                            defaultValue = "n")))
    @ApiResponse(responseCode = "204", description = "The file is gone")
    @Fails({FORBIDDEN_PATH, NOT_FOUND, IN_USE, BUSY})
    @DeleteMapping("/{*path}")
    ResponseEntity<Void> delete(
            @PathVariable @Parameter(description = VOLUME, example = "spare.qcow2") String path,
            HttpServletRequest request)
            throws IOException {
        boolean wiped = Query.of(request, WIPE).yes(WIPE, false);
        return AuditEntry.of("delete-volume")
                .with("volume", VolumePath.name(path))
                .with(WIPE, wiped ? true : null)
                .around(() -> {
                    if (wiped) {
                        volumes.wipeAndDelete(VolumePath.name(path));
                    } else {
                        volumes.delete(VolumePath.name(path));
                    }
                    return ResponseEntity.noContent().build();
                });
    }

    private List<VolumeFacts> shown(List<ImageInfo> chain) throws IOException {
        return VolumeFacts.ofChain(chain, volumes);
    }
}
