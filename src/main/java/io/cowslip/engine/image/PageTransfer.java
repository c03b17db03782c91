package io.cowslip.engine.image;

import io.cowslip.engine.host.ConnectionQueue;
import io.cowslip.engine.host.HostFile;
import io.cowslip.engine.host.ZeroPages;
import java.io.IOException;
import java.nio.channels.SocketChannel;

/**
 * Guest bytes handed to a TCP connection as the host's own pages, without a copy. Until the peer has them they change with
 * their file, so whoever sends answers for that: after the last page it waits until {@link #undeliveredBytes()} says 0, or
 * resets the connection, and only then closes this. An image does not become writable before all have done so, see {@link
 * #isEnding()}. From {@link DiskImage#pageTransfer}; one thread.
 *
 * <p>Nobody tells how much a peer has still to read that is on this host but in another network namespace: for what is
 * written to the file after that the sender has no answer.
 */
public final class PageTransfer implements AutoCloseable {
    /** What the transfers say where the bytes have to be read. */
    public static final long NOT_TRANSFERABLE = HostFile.NOT_TRANSFERABLE;

    private final DiskImage image;
    private final PageTransfers transfers;
    private final SocketChannel connection;
    private final ConnectionQueue queue;
    private final int begun;
    private boolean closed;

    PageTransfer(DiskImage image, PageTransfers transfers, SocketChannel connection, ConnectionQueue queue, int begun) {
        this.image = image;
        this.transfers = transfers;
        this.connection = connection;
        this.queue = queue;
        this.begun = begun;
    }

    /**
     * Hands over bytes from {@code guestOffset} on, as many as lie in one piece of a file and the connection takes now.
     *
     * @return how many, 0 where the connection takes none at the moment; {@link #NOT_TRANSFERABLE} where less than
     *     {@code minLengthBytes} lie in one piece, or as soon as the image is to become writable
     */
    public long transfer(long guestOffset, long minLengthBytes, long maxLengthBytes) throws IOException {
        return image.transferTo(guestOffset, minLengthBytes, maxLengthBytes, connection);
    }

    /** Bytes that the peer may still be without; 0 when the connection is gone. */
    public long undeliveredBytes() throws IOException {
        return queue.undeliveredBytes();
    }

    /** Whether the connection still is one, as far as the host knows. */
    public boolean isConnected() throws IOException {
        return queue.isOpen();
    }

    /** Whether somebody waits for the end of this transfer, which should come soon. */
    public boolean isEnding() {
        return !transfers.areAllowed();
    }

    @Override
    public void close() {
        if (!closed) {
            closed = true;
            transfers.end(begun);
        }
    }

    /** Whether {@link #transferZeros} can be used. */
    public static boolean hasZeros() {
        return ZeroPages.areThere();
    }

    /** Hands over zeros, which never change, so that nothing is to be waited for: how many, 0 for none at the moment. */
    public static long transferZeros(long lengthBytes, SocketChannel connection) throws IOException {
        return ZeroPages.transferTo(lengthBytes, connection);
    }
}
