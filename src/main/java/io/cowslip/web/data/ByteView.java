package io.cowslip.web.data;

import io.cowslip.drive.registry.DriveLease;
import io.cowslip.drive.work.Download;
import io.cowslip.engine.image.DiskImage;
import jakarta.servlet.http.HttpServletRequest;
import java.io.IOException;
import org.springframework.http.HttpHeaders;

/**
 * Bytes of a disk as one answer has them.
 *
 * @param sizeBytes where they end, which may be before the image does
 * @param version strong validator, without quotes
 * @param unchangedCheck throws when the bytes are to be those of one moment and may be those of another, or are not for
 *     the caller any more
 * @param unchanging whether a range may be asked for without naming the version: bytes of another moment may be told apart,
 *     or do not matter
 */
record ByteView(DiskImage image, long sizeBytes, String version, Runnable unchangedCheck, boolean unchanging) {
    /** A disk that others may write meanwhile. */
    static ByteView of(DriveLease lease) {
        return new ByteView(lease.image(), lease.sizeBytes(), lease.dataVersion(), lease::requireUsable, true);
    }

    /** A disk or file as it was when the download began. */
    static ByteView of(Download download) throws IOException {
        return new ByteView(
                download.image(),
                download.sizeBytes(),
                download.version(),
                download::requireUnchanged,
                download.isUnchanging());
    }

    /** Fails when what was read last is not to be used. */
    void requireUnchanged() {
        unchangedCheck.run();
    }

    /** Whether the Range of a request counts. Parts of different moments would not make a whole. */
    boolean rangeApplies(HttpServletRequest request) {
        boolean named =
                request.getHeader(HttpHeaders.IF_RANGE) != null || request.getHeader(HttpHeaders.IF_MATCH) != null;
        return (unchanging || named) && Preconditions.rangeApplies(request, version);
    }
}
