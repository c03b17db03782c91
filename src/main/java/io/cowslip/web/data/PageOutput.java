package io.cowslip.web.data;

import io.cowslip.engine.image.PageTransfer;
import io.cowslip.web.server.PatientChannel;
import jakarta.servlet.ServletOutputStream;
import java.io.IOException;
import java.net.SocketTimeoutException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import org.apache.catalina.connector.ClientAbortException;
import org.jspecify.annotations.Nullable;

/**
 * The way of long runs past the container's stream: an image's pages, and zeros, go to the socket without a copy
 * (sendfile). Only over plain connections; where it cannot be, nothing is sent and the caller copies. The bytes that the
 * container counts, as for its access log, are those of its own stream.
 *
 * <p>An answer is done only once the client has what was sent from the image, since pages change with their file: with
 * {@link #finish()}. An answer that fails before resets the connection, so that nothing more of it arrives.
 */
final class PageOutput implements AutoCloseable {
    /** What is shorter costs less to copy than to wait for. */
    static final long MIN_BYTES = 256 << 10;

    private static final long WAIT_MILLIS = 5;
    private static final long PAUSE_NANOS = 1_000_000;

    private static final long RESET_NANOS = TimeUnit.SECONDS.toNanos(3);

    private final ByteView view;
    private final ServletOutputStream out;
    private final @Nullable PatientChannel connection;
    private @Nullable PageTransfer transfer;
    private boolean refused;

    /** @param connection where the answer goes, if pages may */
    PageOutput(ByteView view, ServletOutputStream out, @Nullable PatientChannel connection) {
        this.view = view;
        this.out = out;
        this.connection = connection;
    }

    /** One attempt to hand over what is left: how much the connection took, or {@link PageTransfer#NOT_TRANSFERABLE}. */
    @FunctionalInterface
    private interface Attempt {
        long send(long done, long mostBytes) throws IOException;
    }

    /** Sends from {@code guestOffset} on, and says how much of the run of data that lies there. */
    long send(long guestOffset, long lengthBytes) throws IOException {
        if (connection == null || lengthBytes < MIN_BYTES || !begin(connection)) {
            return 0;
        }
        PageTransfer begun = transfer;
        return begun == null
                ? 0
                : sendAll(
                        connection,
                        lengthBytes,
                        (done, mostBytes) -> begun.transfer(guestOffset + done, done == 0 ? MIN_BYTES : 1, mostBytes));
    }

    /** Sends zeros, and says how many. */
    long sendZeros(long lengthBytes) throws IOException {
        return connection == null || lengthBytes < MIN_BYTES || !PageTransfer.hasZeros()
                ? 0
                : sendAll(
                        connection,
                        lengthBytes,
                        (done, mostBytes) -> PageTransfer.transferZeros(mostBytes, connection.getIOChannel()));
    }

    private boolean begin(PatientChannel plain) throws IOException {
        if (transfer == null && !refused) {
            transfer = view.image().pageTransfer(plain.getIOChannel());
            refused = transfer == null;
        }
        return transfer != null;
    }

    private long sendAll(PatientChannel plain, long lengthBytes, Attempt attempt) throws IOException {
        out.flush();
        long progress = System.nanoTime();
        long done = 0;
        while (done < lengthBytes) {
            long most = Math.min(lengthBytes - done, plain.pace().mostAtOnceBytes());
            long sent = attempt(plain, attempt, done, most);
            if (sent == PageTransfer.NOT_TRANSFERABLE) {
                break;
            }
            if (sent > 0) {
                done += sent;
                plain.pace().moved(sent);
                progress = System.nanoTime();
            } else {
                plain.pace().waiting();
                if (!plain.awaitWritable(WAIT_MILLIS)) {
                    requireProgress(plain, progress);
                }
            }
            view.requireUnchanged();
            finishIfAsked();
        }
        return done;
    }

    private long attempt(PatientChannel plain, Attempt attempt, long done, long mostBytes) throws IOException {
        try {
            return attempt.send(done, mostBytes);
        } catch (IOException failure) {
            // The same exception tells of either end, and a client that goes away is nobody's failure.
            if (transfer == null || plain.pace().isCut() || !transfer.isConnected() || !plain.isOpen()) {
                throw new ClientAbortException(failure);
            }
            throw failure;
        }
    }

    private static void requireProgress(PatientChannel plain, long since) throws IOException {
        if (plain.pace().isCut()) {
            throw new ClientAbortException("the client took too little");
        }
        long timeout = plain.writeTimeoutMillis();
        if (timeout > 0 && System.nanoTime() - since > TimeUnit.MILLISECONDS.toNanos(timeout)) {
            throw new ClientAbortException(
                    new SocketTimeoutException("the client took nothing for " + timeout + " ms"));
        }
    }

    /** To be called between the parts of an answer: an image that is to become writable waits for what was sent. */
    void finishIfAsked() throws IOException {
        if (transfer != null && transfer.isEnding()) {
            finish();
        }
    }

    /** Returns once the client has what was sent. */
    void finish() throws IOException {
        if (transfer != null && connection != null) {
            out.flush();
            awaitDelivery(connection, transfer);
            transfer.close();
            transfer = null;
        }
    }

    private static void awaitDelivery(PatientChannel plain, PageTransfer sent) throws IOException {
        long left = sent.undeliveredBytes();
        long progress = System.nanoTime();
        while (left > 0) {
            plain.pace().waiting();
            // A client that asks again has mostly read what it asked for before.
            boolean asked = plain.awaitReadable(WAIT_MILLIS);
            long now = sent.undeliveredBytes();
            if (now < left) {
                plain.pace().received(left - now);
                progress = System.nanoTime();
            } else {
                requireProgress(plain, progress);
            }
            if (asked && now > 0) {
                LockSupport.parkNanos(PAUSE_NANOS);
            }
            left = now;
        }
    }

    @Override
    public void close() throws IOException {
        if (transfer != null && connection != null) {
            try {
                reset(connection, transfer);
            } finally {
                transfer.close();
                transfer = null;
            }
        }
    }

    /** The connection's selectors let go of it one after the other, and only then does the kernel drop what it has. */
    private static void reset(PatientChannel plain, PageTransfer sent) throws IOException {
        plain.reset();
        long begin = System.nanoTime();
        while (sent.isConnected() && System.nanoTime() - begin < RESET_NANOS) {
            LockSupport.parkNanos(PAUSE_NANOS);
        }
    }
}
