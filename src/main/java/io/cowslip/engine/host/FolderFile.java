package io.cowslip.engine.host;

import java.nio.file.Path;

/**
 * What a path below a {@link HostFolder} leads to, as it was at one moment.
 *
 * @param path the same without symbolic links in it
 * @param linkCount how many names the file has on its file system
 * @param changed when its content or its own data, such as its size, last changed
 * @param modified when its content last changed
 */
public record FolderFile(
        Path path,
        FolderEntry.Type type,
        FileIdentity identity,
        long linkCount,
        long sizeBytes,
        HostTime changed,
        HostTime modified) {}
