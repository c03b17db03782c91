package io.cowslip.web.upload;

import io.cowslip.drive.upload.UploadStatus;
import io.swagger.v3.oas.annotations.media.Schema;
import org.jspecify.annotations.Nullable;

/** An unfinished upload as it is shown. */
@Schema(name = "Upload", description = "A volume that is being uploaded")
record UploadBody(
        @Schema(description = "The volume that it is to become")
        String name,

        @Schema(description = "Bytes that have come in") long offset,

        @Schema(description = "Bytes of the whole file, where it is known") @Nullable
        Long length,

        @Schema(description = "Whether a request or a job has it now")
        boolean arriving,

        @Schema(description = "When it is given up unless somebody goes on with it, RFC 3339 in UTC") @Nullable
        String expires) {

    static UploadBody of(UploadStatus status) {
        return new UploadBody(
                status.name(),
                status.offsetBytes(),
                status.lengthBytes(),
                status.arriving(),
                status.expires() == null ? null : status.expires().toString());
    }
}
