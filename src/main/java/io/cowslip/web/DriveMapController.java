package io.cowslip.web;

import static io.cowslip.web.ProblemType.CORRUPT_IMAGE;
import static io.cowslip.web.ProblemType.HOST_IO;
import static io.cowslip.web.ProblemType.INCONSISTENT_BITMAP;
import static io.cowslip.web.ProblemType.INVALID_OPTION;
import static io.cowslip.web.ProblemType.NOT_ACCEPTABLE;
import static io.cowslip.web.ProblemType.NOT_FOUND;
import static io.cowslip.web.ProblemType.NO_SUCH_DRIVE;
import static io.cowslip.web.ProblemType.RANGE_NOT_SATISFIABLE;
import static io.cowslip.web.ProblemType.UNSUPPORTED_FEATURE;

import io.cowslip.drive.DriveId;
import io.cowslip.drive.DriveLease;
import io.cowslip.drive.DriveRegistry;
import io.cowslip.engine.image.DiskChanges;
import io.cowslip.engine.image.DiskImage;
import io.cowslip.engine.image.GuestExtent;
import io.swagger.v3.oas.annotations.Operation;
import io.swagger.v3.oas.annotations.Parameter;
import io.swagger.v3.oas.annotations.enums.ParameterIn;
import io.swagger.v3.oas.annotations.media.ArraySchema;
import io.swagger.v3.oas.annotations.media.Content;
import io.swagger.v3.oas.annotations.media.Schema;
import io.swagger.v3.oas.annotations.responses.ApiResponse;
import io.swagger.v3.oas.annotations.tags.Tag;
import jakarta.servlet.http.HttpServletRequest;
import jakarta.servlet.http.HttpServletResponse;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.Collections;
import java.util.Iterator;
import java.util.List;
import org.springframework.http.CacheControl;
import org.springframework.http.HttpHeaders;
import org.springframework.http.MediaType;
import org.springframework.http.ResponseEntity;
import org.springframework.util.MimeTypeUtils;
import org.springframework.web.bind.annotation.GetMapping;
import org.springframework.web.bind.annotation.PathVariable;
import org.springframework.web.bind.annotation.RequestMapping;
import org.springframework.web.bind.annotation.RestController;
import org.springframework.web.util.UriUtils;

/** What can be known of a drive's bytes without moving them: where the zeros are, and their checksum. */
@RestController
@RequestMapping("/drives/{id}/data")
@Tag(name = "data")
class DriveMapController {
    private static final String DRIVE = "The drive's id";
    private static final int MAX_EXTENTS = 10_000;
    private static final int DEFAULT_BLOCK_BYTES = 4 << 20;
    private static final int MIN_BLOCK_BYTES = 64 << 10;
    private static final int MAX_BLOCK_BYTES = 64 << 20;

    private final DriveRegistry registry;
    private final TransferBuffers buffers;

    DriveMapController(DriveRegistry registry, TransferBuffers buffers) {
        this.registry = registry;
        this.buffers = buffers;
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
                        description = "Extents on a page, at most " + MAX_EXTENTS + "; by default all at once",
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
    @ApiResponse(
            responseCode = "200",
            description = "The extents",
            content = {
                @Content(
                        mediaType = MediaType.APPLICATION_JSON_VALUE,
                        array = @ArraySchema(schema = @Schema(anyOf = {GuestExtent.class, DirtyExtent.class}))),
                @Content(
                        mediaType = MediaType.APPLICATION_NDJSON_VALUE,
                        schema = @Schema(anyOf = {GuestExtent.class, DirtyExtent.class}))
            })
    @Fails({
        INVALID_OPTION,
        NO_SUCH_DRIVE,
        NOT_FOUND,
        NOT_ACCEPTABLE,
        INCONSISTENT_BITMAP,
        RANGE_NOT_SATISFIABLE,
        UNSUPPORTED_FEATURE,
        CORRUPT_IMAGE,
        HOST_IO
    })
    @GetMapping(
            path = "/extents",
            produces = {MediaType.APPLICATION_JSON_VALUE, MediaType.APPLICATION_NDJSON_VALUE})
    void extents(
            @PathVariable @Parameter(description = DRIVE, example = "root") DriveId id,
            HttpServletRequest request,
            HttpServletResponse response)
            throws IOException {
        Query query = Query.of(request, "start", "length", "limit", "context", "bitmap", "since", "until");
        requireOneContext(query);
        int limit = query.number("limit", 0, 1, MAX_EXTENTS);
        try (DriveLease lease = registry.lease(id)) {
            ExtentPages listing = listing(query, lease.image());
            ExtentListing.Source source = limit == 0 ? listing::next : page(listing, limit, query, response);
            response.setHeader(HttpHeaders.CACHE_CONTROL, "no-store");
            send(source, request, response);
        }
    }

    private static ExtentPages listing(Query query, DiskImage image) throws IOException {
        String bitmap = query.text("bitmap");
        if (bitmap != null) {
            return DirtyListing.of(image, image.bitmaps().map(bitmap), window(query, image.virtualSizeBytes()));
        }
        String since = query.text("since");
        if (since != null) {
            DiskChanges changes = image.snapshots().changesSince(since, query.text("until"));
            return DirtyListing.of(changes, window(query, changes.diskBytes()));
        }
        return new ExtentListing(image, window(query, image.virtualSizeBytes()));
    }

    /** The first extents, found before the answer begins: its Link header says where the next page does. */
    private static ExtentListing.Source page(ExtentPages listing, int limit, Query query, HttpServletResponse response)
            throws IOException {
        Iterator<Record> page = listing.next(limit).iterator();
        listing.nextStart().ifPresent(start -> {
            String length = query.text("length") == null ? "" : "&length=" + (listing.end() - start);
            response.setHeader(
                    HttpHeaders.LINK,
                    "<extents?start=" + start + length + "&limit=" + limit + context(query) + ">; rel=\"next\"");
        });
        return () -> page.hasNext() ? page.next() : null;
    }

    private static ByteWindow window(Query query, long size) {
        long start = query.size("start", 0);
        if (start > size) {
            throw Refusal.offDisk(size, "start " + start + " is past the end of the disk of " + size + " bytes");
        }
        return new ByteWindow(start, Math.min(query.size("length", size), size - start));
    }

    private static void send(ExtentListing.Source source, HttpServletRequest request, HttpServletResponse response)
            throws IOException {
        if (prefersLines(request)) {
            response.setContentType(MediaType.APPLICATION_NDJSON_VALUE);
            ExtentListing.writeLines(source, DirectOutput.of(response));
        } else {
            response.setContentType(MediaType.APPLICATION_JSON_VALUE);
            ExtentListing.writeArray(source, DirectOutput.of(response));
        }
    }

    private static boolean prefersLines(HttpServletRequest request) {
        List<MediaType> accepted = MediaType.parseMediaTypes(Collections.list(request.getHeaders(HttpHeaders.ACCEPT)));
        MimeTypeUtils.sortBySpecificity(accepted);
        for (MediaType type : accepted) {
            if (type.includes(MediaType.APPLICATION_JSON)) {
                return false;
            }
            if (type.includes(MediaType.APPLICATION_NDJSON)) {
                return true;
            }
        }
        return false;
    }

    /** What the next page is asked for with, beside its place. */
    private static String context(Query query) {
        StringBuilder context = new StringBuilder();
        for (String name : List.of("context", "bitmap", "since", "until")) {
            String value = query.text(name);
            if (value != null) {
                context.append('&').append(name).append('=').append(UriUtils.encode(value, StandardCharsets.UTF_8));
            }
        }
        return context.toString();
    }

    private static void requireOneContext(Query query) {
        String context = query.text("context", "zero");
        boolean bitmap = query.text("bitmap") != null;
        boolean since = query.text("since") != null;
        if (!context.equals("zero") && !context.equals("dirty")) {
            throw Refusal.ofOption("context", "context is \"" + context + "\"; it may be \"zero\" or \"dirty\"");
        }
        if (bitmap && since) {
            throw Refusal.ofOption("since", "since and bitmap are both given; context=dirty takes one of them");
        }
        if (context.equals("dirty") != (bitmap || since)) {
            throw Refusal.ofOption(
                    since ? "since" : "bitmap",
                    "bitmap names the bitmap, or since the snapshot, for context=dirty, and neither goes with another");
        }
        if (query.text("until") != null && !since) {
            throw Refusal.ofOption("until", "until goes with since, which is missing");
        }
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
                        name = "block_size",
                        description = "Bytes of a block, from 65536 to 67108864",
                        schema = @Schema(type = "integer", defaultValue = "4194304"),
                        example = "4194304")
            })
    @ApiResponse(responseCode = "200", description = "The checksum and what it was made with")
    @Fails({INVALID_OPTION, NO_SUCH_DRIVE, CORRUPT_IMAGE, HOST_IO})
    @GetMapping(path = "/checksum", produces = MediaType.APPLICATION_JSON_VALUE)
    ResponseEntity<DataChecksum> checksum(
            @PathVariable @Parameter(description = DRIVE, example = "root") DriveId id, HttpServletRequest request)
            throws IOException {
        Query query = Query.of(request, "algorithm", "block_size");
        ChecksumAlgorithm algorithm = ChecksumAlgorithm.parse(query.text("algorithm", "blake2b"));
        int block = query.number("block_size", DEFAULT_BLOCK_BYTES, MIN_BLOCK_BYTES, MAX_BLOCK_BYTES);
        try (DriveLease lease = registry.lease(id)) {
            String hex = new DiskChecksum(lease.image(), algorithm, block, buffers).hex();
            return ResponseEntity.ok()
                    .cacheControl(CacheControl.noStore())
                    .body(new DataChecksum(hex, algorithm.wireName(), block));
        }
    }
}
