package io.cowslip.testing;

import java.nio.file.Path;
import java.time.Duration;
import java.util.List;

/** What the host's page cache holds of a file: {@code fincore} of util-linux tells, {@code dd} of coreutils drops. */
public final class HostPageCache {
    private static final Duration LIMIT = Duration.ofSeconds(30);

    private HostPageCache() {}

    public static boolean canBeSeen() {
        return Processes.find("fincore").isPresent() && Processes.find("dd").isPresent();
    }

    /** Bytes of the file's pages that are in memory. */
    public static long residentBytes(Path file) {
        List<String> command = List.of("fincore", "--bytes", "--noheadings", "--output", "RES", file.toString());
        return Long.parseLong(Processes.run(LIMIT, command).succeeded().out().strip());
    }

    /** Writes the file's pages out and lets go of them. A file system that lives in memory keeps them. */
    public static void drop(Path file) {
        Processes.run(
                        LIMIT,
                        List.of(
                                "dd",
                                "of=" + file,
                                "count=0",
                                "conv=notrunc,fdatasync",
                                "oflag=nocache",
                                "status=none"))
                .succeeded();
    }
}
