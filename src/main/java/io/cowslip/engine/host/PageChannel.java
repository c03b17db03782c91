package io.cowslip.engine.host;

import java.io.IOException;
import java.nio.channels.ClosedByInterruptException;
import java.nio.channels.ClosedChannelException;
import java.nio.channels.FileChannel;
import java.nio.channels.WritableByteChannel;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import org.jspecify.annotations.Nullable;

/**
 * Hands pages of a file to sockets (sendfile), which Java does with channels only: one on the same file by a descriptor
 * of its own, opened when first needed. Locks of the other descriptor stay, as they are its open file description's.
 */
final class PageChannel implements AutoCloseable {
    private final int descriptor;
    private @Nullable FileChannel channel;
    private boolean closed;

    /** @param descriptor of the file, open for as long as this is */
    PageChannel(int descriptor) {
        this.descriptor = descriptor;
    }

    /** As {@link HostFile#transferTo}. A thread that is interrupted inside closes the channel for all, so it is opened anew. */
    long transferTo(long hostOffset, long lengthBytes, WritableByteChannel target) throws IOException {
        while (true) {
            FileChannel open = open();
            try {
                return open.transferTo(hostOffset, lengthBytes, target);
            } catch (ClosedByInterruptException interrupted) {
                throw interrupted;
            } catch (ClosedChannelException gone) {
                if (open.isOpen() || !target.isOpen()) {
                    throw gone;
                }
            }
        }
    }

    private synchronized FileChannel open() throws IOException {
        if (closed) {
            throw new ClosedChannelException();
        }
        FileChannel open = channel;
        if (open == null || !open.isOpen()) {
            // By the descriptor and not by the path, which may lead to another file by now.
            open = FileChannel.open(Path.of("/proc/self/fd/" + descriptor), StandardOpenOption.READ);
            channel = open;
        }
        return open;
    }

    @Override
    public synchronized void close() throws IOException {
        closed = true;
        if (channel != null) {
            channel.close();
        }
    }
}
