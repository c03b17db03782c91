package io.cowslip.web.server;

import java.nio.file.Path;
import org.jspecify.annotations.Nullable;
import org.springframework.boot.context.properties.ConfigurationProperties;
import org.springframework.boot.context.properties.bind.DefaultValue;
import org.springframework.util.unit.DataSize;

/**
 * How data goes over HTTP.
 *
 * @param transferBuffer memory that one transfer moves its bytes through
 * @param socketBuffer memory of each connection for reading, and as much for writing; a cluster of 64 KiB and its headers
 *     fit, so that they go out in one call
 * @param verifyLimit longest body that is held back until its Content-Digest is verified, and longest answer that gets
 *     one
 * @param verifications how many bodies may be held back at once
 * @param zeroCopy whether long runs of read-only drives go to plain connections as pages of the host, without a copy
 * @param compressedDownloads how many downloads may be compressed at once
 * @param downloadPlans how many plain qcow2 downloads may find out at once what they consist of
 * @param downloadMemory what all downloads together may note on the heap of the disks that they send
 * @param maxReaders connections that one client should read with at most, as OPTIONS tells
 * @param maxWriters connections that one client should write with at most, as OPTIONS tells
 * @param unixSocket where the service listens on a Unix domain socket besides; null: nowhere
 * @param unixSocketPermissions who may connect there
 */
@ConfigurationProperties("cowslip.web")
public record WebProperties(
        @DefaultValue("256KB") DataSize transferBuffer,
        @DefaultValue("128KB") DataSize socketBuffer,
        @DefaultValue("8MB") DataSize verifyLimit,
        @DefaultValue("8") int verifications,
        @DefaultValue("true") boolean zeroCopy,
        @DefaultValue("2") int compressedDownloads,
        @DefaultValue("4") int downloadPlans,
        @DefaultValue("64MB") DataSize downloadMemory,
        @DefaultValue("8") int maxReaders,
        @DefaultValue("8") int maxWriters,
        @Nullable Path unixSocket,
        @DefaultValue("rw-rw----") String unixSocketPermissions) {

    /** The Unix domain socket's absolute path, or null. */
    public @Nullable String unixSocketName() {
        return unixSocket == null ? null : unixSocket.toAbsolutePath().toString();
    }
}
