package io.cowslip.drive.upload;

import io.cowslip.drive.ByteSize;
import jakarta.validation.constraints.Min;
import java.time.Duration;
import org.hibernate.validator.constraints.time.DurationMin;
import org.jspecify.annotations.Nullable;
import org.springframework.boot.context.properties.ConfigurationProperties;
import org.springframework.boot.context.properties.bind.DefaultValue;
import org.springframework.validation.annotation.Validated;

/**
 * Files that are uploaded.
 *
 * @param maxSize Largest file that may be uploaded. Any size where not given.
 * @param unfinished How many uploads may be under way or wait to be resumed.
 * @param expiry How long an upload that nobody goes on with is kept. Counted from its last byte.
 */
@Validated
@ConfigurationProperties("cowslip.uploads")
record UploadProperties(
        @Nullable ByteSize maxSize,
        @DefaultValue("100") @Min(1) int unfinished,
        @DefaultValue("24h") @DurationMin(seconds = 1) Duration expiry) {

    long maxSizeBytes() {
        return maxSize == null ? Long.MAX_VALUE : maxSize.bytes();
    }
}
