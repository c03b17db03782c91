package io.cowslip.testing;

import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.time.Duration;
import java.util.List;

/** A file system of its own on a folder, so small that it fills up. Where the tests may not mount one, they are skipped. */
public final class SmallFileSystem implements AutoCloseable {
    private static final Duration LIMIT = Duration.ofSeconds(30);
    private static final int SECTOR = 512;
    private static final int PIECE_BYTES = 256 << 10;

    private final Path folder;
    private final Path filler;

    private SmallFileSystem(Path folder) {
        this.folder = folder;
        this.filler = folder.resolve(".filler");
    }

    /** In memory; it knows no zeroing of ranges. */
    public static SmallFileSystem inMemory(Path folder, long sizeBytes) {
        return mounted(folder, List.of("mount", "-t", "tmpfs", "-o", "size=" + sizeBytes, "none", folder.toString()));
    }

    /** Ext4 in a file beside {@code folder}. */
    public static SmallFileSystem ext4(Path folder, long sizeBytes) {
        Path device = folder.resolveSibling(folder.getFileName() + ".ext4");
        try (FileChannel file = FileChannel.open(device, StandardOpenOption.CREATE, StandardOpenOption.WRITE)) {
            file.write(ByteBuffer.allocate(1), sizeBytes - 1);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        assumeTrue(
                succeeds(List.of("mkfs.ext4", "-q", "-m", "0", device.toString())),
                "mkfs.ext4 of e2fsprogs is missing");
        return mounted(folder, List.of("mount", "-o", "loop", device.toString(), folder.toString()));
    }

    private static SmallFileSystem mounted(Path folder, List<String> command) {
        assumeTrue(succeeds(command), "mounting a file system takes rights that are not there");
        return new SmallFileSystem(folder);
    }

    private static boolean succeeds(List<String> command) {
        return Processes.find(command.getFirst()).isPresent()
                && Processes.run(LIMIT, command).exitCode() == 0;
    }

    public Path folder() {
        return folder;
    }

    /** Leaves so much space, as nearly as the file system counts; with 0 not even a sector. */
    public void leave(long bytes) throws IOException {
        try (FileChannel file = FileChannel.open(
                filler, StandardOpenOption.CREATE, StandardOpenOption.WRITE, StandardOpenOption.APPEND)) {
            long much = bytes == 0 ? Long.MAX_VALUE : Files.getFileStore(folder).getUsableSpace() - bytes;
            int piece = PIECE_BYTES;
            for (long done = 0; done < much && piece >= SECTOR; ) {
                int length = (int) Math.min(piece, much - done);
                if (fits(file, length)) {
                    done += length;
                } else {
                    piece /= 2;
                }
            }
        }
    }

    private static boolean fits(FileChannel file, int length) {
        try {
            ByteBuffer bytes = ByteBuffer.allocate(length);
            while (bytes.hasRemaining()) {
                file.write(bytes);
            }
            file.force(false);
            return true;
        } catch (IOException full) {
            return false;
        }
    }

    /** Gives back what {@link #leave} took. */
    public void free() throws IOException {
        Files.deleteIfExists(filler);
    }

    @Override
    public void close() {
        Processes.run(LIMIT, List.of("umount", folder.toString())).succeeded();
    }
}
