package io.cowslip.web.job;

import io.cowslip.drive.upload.UploadRules;
import io.cowslip.drive.work.Conversion;
import io.cowslip.drive.work.Imports.Import;
import io.cowslip.engine.ImageException;
import io.cowslip.engine.image.options.ImageFormat;
import io.cowslip.engine.image.options.ImageOptions;
import io.cowslip.job.JobRequest;
import io.cowslip.web.data.DigestAlgorithm;
import io.cowslip.web.json.LayerOptions;
import io.cowslip.web.problem.Refusal;
import io.swagger.v3.oas.annotations.media.Schema;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * An import to be done: a volume made of an upload, or of another volume.
 *
 * @param type {@code import}
 * @param id the job's name; made up where not given
 * @param upload the upload, by the name of the volume that it was to become
 * @param format what the upload is; raw must be said
 * @param backingFile the volume that the upload may name as its backing file
 * @param dataFile the volumes that the upload may name as holding its data
 * @param reprDigest what the upload must come to
 * @param file the volume to read, relative to the image root
 * @param options how the volume is opened
 * @param target the volume to make; of an upload, that itself where not given
 */
@Schema(
        name = "NewImport",
        description = "Makes a volume of an upload that is whole (upload), which is gone after that, or of a volume"
                + " (file, opened with options), which stays. With target it is converted as by a job of type convert")
public record NewImport(
        @Schema(
                requiredMode = Schema.RequiredMode.REQUIRED,
                allowableValues = {NewImport.TYPE})
        String type,

        @Nullable String id,
        @Nullable String upload,

        @Schema(
                description = "What the upload is",
                allowableValues = {"qcow2", "raw", "vmdk", "vhdx", "vpc", "vdi"})
        @Nullable
        String format,

        @Schema(description = "The volume that the upload names as its backing file, relative to the image root")
        @Nullable
        String backingFile,

        @Schema(description = "The volumes that the upload names as holding its data, relative to the image root")
        @Nullable
        List<String> dataFile,

        @Schema(description = "What the upload must come to, as in the header Repr-Digest: sha-256=:base64:") @Nullable
        String reprDigest,

        @Nullable String file,

        @Schema(description = DiskNamed.ABOUT_OPTIONS) @Nullable
        LayerOptions options,

        NewConversion.@Nullable Target target)
        implements NewJob {

    public static final String TYPE = JobRequest.IMPORT;
    public static final String REPR_DIGEST = "repr-digest";

    @Override
    public JobRequest request(ImageOptions defaults) {
        if ((upload == null) == (file == null)) {
            throw Refusal.ofOption(
                    "upload", "an import takes either upload, an upload that is whole, or file, a volume");
        }
        return upload == null ? ofVolume(defaults) : ofUpload(upload);
    }

    private JobRequest ofUpload(String name) {
        if (options != null) {
            throw Refusal.ofOption("options", "options are those of a volume; of an upload only its format is said");
        }
        UploadRules rules =
                new UploadRules(format(format), backingFile, dataFile == null ? List.of() : List.copyOf(dataFile));
        return new JobRequest.ImportUpload(new Import(name, rules, digests(), target == null ? null : target.wanted()));
    }

    private Map<String, byte[]> digests() {
        Map<String, byte[]> digests = new LinkedHashMap<>();
        if (reprDigest != null) {
            DigestAlgorithm.digests(REPR_DIGEST, reprDigest)
                    .forEach((algorithm, digest) -> digests.put(algorithm.javaName(), digest));
        }
        return digests;
    }

    private JobRequest ofVolume(ImageOptions defaults) {
        if (format != null || backingFile != null || dataFile != null || reprDigest != null) {
            throw Refusal.ofOption(
                    "format",
                    "format, backing-file, data-file and repr-digest are for an upload; how a volume is opened"
                            + " is said by options");
        }
        if (target == null) {
            throw Refusal.ofOption("target", "target is missing; it says which volume to make");
        }
        return new JobRequest.ImportVolume(
                new Conversion(new DiskNamed(file, null, options).source(defaults, ""), target.wanted()));
    }

    /** The format that a caller names; null: none. */
    public static @Nullable ImageFormat format(@Nullable String name) {
        try {
            return name == null ? null : ImageFormat.parse("format", name);
        } catch (ImageException refused) {
            throw Refusal.of(refused);
        }
    }
}
