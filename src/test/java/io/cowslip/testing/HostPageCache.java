package io.cowslip.testing;

import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.time.Duration;
import java.util.List;
import java.util.stream.Stream;

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

    /** Writes out the files of a folder. While the host still does, they get other holes from one question to the next. */
    public static void writeOut(Path folder) throws IOException {
        try (Stream<Path> files = Files.list(folder)) {
            for (Path file : files.filter(Files::isRegularFile).toList()) {
                try (FileChannel channel = FileChannel.open(file, StandardOpenOption.WRITE)) {
                    channel.force(true);
                }
            }
        }
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
