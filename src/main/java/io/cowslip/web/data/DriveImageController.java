package io.cowslip.web.data;

import static io.cowslip.web.problem.ProblemType.BUSY;
import static io.cowslip.web.problem.ProblemType.CORRUPT_IMAGE;
import static io.cowslip.web.problem.ProblemType.HOST_IO;
import static io.cowslip.web.problem.ProblemType.INVALID_OPTION;
import static io.cowslip.web.problem.ProblemType.IN_USE;
import static io.cowslip.web.problem.ProblemType.LIMIT_REACHED;
import static io.cowslip.web.problem.ProblemType.NO_SUCH_DRIVE;
import static io.cowslip.web.problem.ProblemType.UNAVAILABLE;
import static io.cowslip.web.problem.ProblemType.UNSUPPORTED_FEATURE;

import io.cowslip.drive.DriveId;
import io.cowslip.drive.work.Download;
import io.cowslip.drive.work.Downloads;
import io.cowslip.web.json.Query;
import io.cowslip.web.openapi.ConditionalOnFile;
import io.cowslip.web.openapi.DriveInPath;
import io.cowslip.web.openapi.Fails;
import io.cowslip.web.openapi.SendsOneRange;
import io.cowslip.web.openapi.SharedParameters;
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
import org.springframework.web.bind.annotation.PathVariable;
import org.springframework.web.bind.annotation.RequestMapping;
import org.springframework.web.bind.annotation.RequestMethod;
import org.springframework.web.bind.annotation.RestController;

/** A drive's disk as an image file of its own. */
@RestController
@RequestMapping("/drives/{id}/image")
@Tag(name = "files", description = "Whole image files")
class DriveImageController {
    private final Downloads downloads;
    private final ImageDownloads answers;

    DriveImageController(Downloads downloads, ImageDownloads answers) {
        this.downloads = downloads;
        this.answers = answers;
    }

    @Operation(
            operationId = "downloadDrive",
            summary = "Download the disk as an image file, qcow2 or raw",
            description = "The file has no backing file and only the clusters that hold data; it is made while it is"
                    + " sent. It is the disk of one moment: where the drive is written meanwhile, the connection is"
                    + " broken off. A Range counts where the drive is read-only, or with If-Range or If-Match.",
            parameters = {
                @Parameter(
                        in = ParameterIn.QUERY,
                        name = "format",
                        schema =
                                @Schema(
                                        type = "string",
                                        allowableValues = {"qcow2", "raw"},
                                        defaultValue = "qcow2"),
                        example = "qcow2"),
                @Parameter(
                        in = ParameterIn.QUERY,
                        name = "compress",
                        description =
                                "How clusters are compressed; every one is compressed twice, the first time before"
                                        + " the answer begins",
                        schema =
                                @Schema(
                                        type = "string",
                                        allowableValues = {"none", "zlib", "zstd"},
                                        defaultValue = "none"),
                        example = "zstd"),
                @Parameter(
                        in = ParameterIn.HEADER,
                        name = "Range",
                        description = "bytes=first-last, bytes=first-, bytes=-length",
                        schema = @Schema(type = "string"))
            })
    @ApiResponse(
            responseCode = "200",
            description = "The whole file",
            content =
                    @Content(
                            mediaType = DataHeaders.OCTET_STREAM,
                            schema = @Schema(type = "string", format = "binary")))
    @SendsOneRange
    @ConditionalOnFile
    @Parameter(ref = SharedParameters.IF_RANGE)
    @Fails({
        INVALID_OPTION,
        NO_SUCH_DRIVE,
        IN_USE,
        BUSY,
        UNSUPPORTED_FEATURE,
        CORRUPT_IMAGE,
        HOST_IO,
        UNAVAILABLE,
        LIMIT_REACHED
    })
    @RequestMapping(method = RequestMethod.GET)
    void read(@PathVariable @DriveInPath DriveId id, HttpServletRequest request, HttpServletResponse response)
            throws IOException {
        Query query = Query.of(request, "format", "compress");
        ImageDownloads.Form form =
                ImageDownloads.Form.of(query.text("format", "qcow2"), query.text("compress", "none"));
        try (Download download = downloads.drive(id)) {
            answers.answer(download, form, request, response);
        }
    }
}
