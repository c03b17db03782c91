package io.cowslip.drive.upload;

import java.time.Instant;
import org.jspecify.annotations.Nullable;

/**
 * How far an unfinished upload is.
 *
 * @param name the volume that it is to become
 * @param offsetBytes bytes that have come in
 * @param lengthBytes of the whole file; null: not known yet
 * @param arriving whether a request or a job has it now
 * @param touched when it last had one
 * @param expires when it is given up unless somebody goes on with it; null while somebody does
 */
public record UploadStatus(
        String name,
        long offsetBytes,
        @Nullable Long lengthBytes,
        boolean arriving,
        Instant touched,
        @Nullable Instant expires) {}
