package io.cowslip.web.upload;

import static io.cowslip.web.problem.ProblemType.BUSY;
import static io.cowslip.web.problem.ProblemType.CORRUPT_IMAGE;
import static io.cowslip.web.problem.ProblemType.FORBIDDEN_PATH;
import static io.cowslip.web.problem.ProblemType.HOST_IO;
import static io.cowslip.web.problem.ProblemType.INVALID_IMAGE;
import static io.cowslip.web.problem.ProblemType.INVALID_OPTION;
import static io.cowslip.web.problem.ProblemType.IN_USE;
import static io.cowslip.web.problem.ProblemType.LIMIT_REACHED;
import static io.cowslip.web.problem.ProblemType.NOT_FOUND;
import static io.cowslip.web.problem.ProblemType.UNAVAILABLE;
import static io.cowslip.web.problem.ProblemType.UNSUPPORTED_FEATURE;

import io.cowslip.drive.registry.DriveRegistry;
import io.cowslip.drive.upload.UploadStatus;
import io.cowslip.drive.upload.Uploads;
import io.cowslip.drive.work.Download;
import io.cowslip.drive.work.Downloads;
import io.cowslip.engine.ImageException;
import io.cowslip.engine.image.options.ImageFormat;
import io.cowslip.engine.image.options.ImageOptions;
import io.cowslip.web.data.DataHeaders;
import io.cowslip.web.data.ImageDownloads;
import io.cowslip.web.json.Query;
import io.cowslip.web.openapi.ConditionalOnFile;
import io.cowslip.web.openapi.Fails;
import io.cowslip.web.openapi.SendsRanges;
import io.cowslip.web.openapi.SharedParameters;
import io.cowslip.web.problem.Refusal;
import io.cowslip.web.volume.VolumePath;
import io.swagger.v3.oas.annotations.Operation;
import io.swagger.v3.oas.annotations.Parameter;
import io.swagger.v3.oas.annotations.enums.ParameterIn;
import io.swagger.v3.oas.annotations.media.Content;
import io.swagger.v3.oas.annotations.media.Schema;
import io.swagger.v3.oas.annotations.responses.ApiResponse;
import io.swagger.v3.oas.annotations.tags.Tag;
import jakarta.servlet.http.HttpServletRequest;
import jakarta.servlet.http.HttpServletResponse;
import java.io.IOException;
import java.util.Optional;
import org.springframework.web.bind.annotation.GetMapping;
import org.springframework.web.bind.annotation.PathVariable;
import org.springframework.web.bind.annotation.RequestMapping;
import org.springframework.web.bind.annotation.RequestMethod;
import org.springframework.web.bind.annotation.RestController;

/** The files that volumes are, whole. */
@RestController
@RequestMapping("/files")
@Tag(name = "files", description = "Whole image files")
class FileController {
    private static final String VOLUME = "The volume: a path relative to the image root";

    private final Downloads downloads;
    private final ImageDownloads answers;
    private final DriveRegistry registry;
    private final Uploads uploads;

    FileController(Downloads downloads, ImageDownloads answers, DriveRegistry registry, Uploads uploads) {
        this.downloads = downloads;
        this.answers = answers;
        this.registry = registry;
        this.uploads = uploads;
    }

    @Operation(
            operationId = "downloadFile",
            summary = "Download a volume's file as it is, or its disk as a file of its own",
            description =
                    "Without format, the file byte for byte. With it, the disk that the volume and its backing chain"
                            + " are, as GET /drives/{id}/image sends it. Refused while a drive writes the volume.",
            parameters = {
                @Parameter(
                        in = ParameterIn.QUERY,
                        name = "format",
                        description = "What to make of the disk",
                        schema =
                                @Schema(
                                        type = "string",
                                        allowableValues = {"qcow2", "raw"})),
                @Parameter(
                        in = ParameterIn.QUERY,
                        name = "compress",
                        description = "With format, as for a drive's image",
                        schema =
                                @Schema(
                                        type = "string",
                                        allowableValues = {"none", "zlib", "zstd"},
                                        defaultValue = "none")),
                @Parameter(
                        in = ParameterIn.QUERY,
                        name = "source-format",
                        description = "With format, what the volume is, where its content does not say so",
                        schema =
                                @Schema(
                                        type = "string",
                                        allowableValues = {"qcow2", "raw", "vmdk", "vhdx", "vpc", "vdi"}))
            })
    @ApiResponse(
            responseCode = "200",
            description = "The whole file",
            content =
                    @Content(
                            mediaType = DataHeaders.OCTET_STREAM,
                            schema = @Schema(type = "string", format = "binary")))
    @SendsRanges
    @ConditionalOnFile
    @Parameter(ref = SharedParameters.IF_RANGE)
    @Fails({
        INVALID_OPTION,
        FORBIDDEN_PATH,
        NOT_FOUND,
        IN_USE,
        BUSY,
        INVALID_IMAGE,
        UNSUPPORTED_FEATURE,
        CORRUPT_IMAGE,
        HOST_IO,
        UNAVAILABLE,
        LIMIT_REACHED
    })
    @GetMapping("/{*path}")
    void read(
            @PathVariable @Parameter(description = VOLUME, example = "vm1/base.qcow2") String path,
            HttpServletRequest request,
            HttpServletResponse response)
            throws IOException {
        Query query = Query.of(request, "format", "compress", "source-format");
        String name = VolumePath.name(path);
        String format = query.text("format");
        if (format == null) {
            refuseWithoutFormat(query, "compress", "source-format");
            try (Download download = downloads.file(name, registry.defaults())) {
                answers.answerFile(download, request, response);
            }
        } else {
            ImageDownloads.Form form = ImageDownloads.Form.of(format, query.text("compress", "none"));
            try (Download download = downloads.volume(name, sourceOptions(query))) {
                answers.answer(download, form, request, response);
            }
        }
    }

    @Operation(
            operationId = "headFile",
            summary = "Tell the size and ETag of a volume's file, or how far its upload is",
            description =
                    "While the volume is being uploaded, Upload-Complete is ?0 and Upload-Offset says how many bytes"
                            + " have come in; once it is there, Upload-Complete is ?1.")
    @ApiResponse(responseCode = "200", description = "The headers of the whole file", content = @Content)
    @ApiResponse(responseCode = "204", description = "The volume is being uploaded", content = @Content)
    @ConditionalOnFile
    @Fails({INVALID_OPTION, FORBIDDEN_PATH, NOT_FOUND, IN_USE, BUSY, INVALID_IMAGE})
    @RequestMapping(path = "/{*path}", method = RequestMethod.HEAD)
    void head(
            @PathVariable @Parameter(description = VOLUME, example = "vm1/base.qcow2") String path,
            HttpServletRequest request,
            HttpServletResponse response)
            throws IOException {
        Optional<UploadStatus> upload = uploads.findUnlessVolume(VolumePath.name(path));
        if (upload.isPresent()) {
            response.setStatus(HttpServletResponse.SC_NO_CONTENT);
            UploadHeaders.of(upload.get(), uploads)
                    .forEach((name, values) -> response.setHeader(name, values.getFirst()));
        } else {
            response.setHeader(UploadHeaders.UPLOAD_COMPLETE, "?1");
            read(path, request, response);
        }
    }

    private static void refuseWithoutFormat(Query query, String... names) {
        for (String name : names) {
            if (query.text(name) != null) {
                throw Refusal.ofOption(name, name + " goes with format: without one, the file is sent as it is");
            }
        }
    }

    private ImageOptions sourceOptions(Query query) {
        String format = query.text("source-format");
        try {
            return format == null
                    ? registry.defaults()
                    : registry.defaults().withFormat(ImageFormat.parse("source-format", format));
        } catch (ImageException refused) {
            throw Refusal.of(refused);
        }
    }
}
