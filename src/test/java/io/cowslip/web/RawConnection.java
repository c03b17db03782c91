package io.cowslip.web;

import java.io.BufferedInputStream;
import java.io.ByteArrayOutputStream;
import java.io.Closeable;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.net.InetAddress;
import java.net.Socket;
import java.net.SocketTimeoutException;
import java.net.UnixDomainSocketAddress;
import java.nio.channels.Channels;
import java.nio.channels.SocketChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;
import javax.net.ssl.SSLContext;

/** HTTP by hand, for what a well-behaved client cannot send. */
public final class RawConnection implements AutoCloseable {
    /** Less than the minute after which the service gives up on a client: that must not pass for an answer. */
    private static final Duration PATIENCE = Duration.ofSeconds(45);

    private final Closeable connection;
    private final InputStream in;
    private final OutputStream out;

    public RawConnection(int port) throws IOException {
        this(patient(new Socket(InetAddress.getLoopbackAddress(), port)));
    }

    private RawConnection(Socket socket) throws IOException {
        this(socket, socket.getInputStream(), socket.getOutputStream());
    }

    private RawConnection(Closeable connection, InputStream in, OutputStream out) {
        this.connection = connection;
        this.in = new BufferedInputStream(in);
        this.out = out;
    }

    /** Over TLS; who the service is is not asked. */
    static RawConnection secure(int port, SSLContext context) throws IOException {
        return new RawConnection(
                patient(context.getSocketFactory().createSocket(InetAddress.getLoopbackAddress(), port)));
    }

    /** Over a Unix domain socket. Waits for ever. */
    static RawConnection unix(Path path) throws IOException {
        SocketChannel channel = SocketChannel.open(UnixDomainSocketAddress.of(path));
        return new RawConnection(channel, Channels.newInputStream(channel), Channels.newOutputStream(channel));
    }

    private static Socket patient(Socket socket) throws IOException {
        socket.setSoTimeout(Math.toIntExact(PATIENCE.toMillis()));
        return socket;
    }

    /** An answer's head. Names of headers are in lower case. */
    public record Head(int status, Map<String, String> headers) {}

    /** Sends a request's head: its lines, then the empty one. */
    public void head(String... lines) throws IOException {
        send((String.join("\r\n", lines) + "\r\nHost: localhost\r\n\r\n").getBytes(StandardCharsets.US_ASCII));
    }

    void send(byte[] bytes) throws IOException {
        out.write(bytes);
        out.flush();
    }

    /** Says that nothing more will be sent. */
    void finishSending() throws IOException {
        ((Socket) connection).shutdownOutput();
    }

    public Head receiveHead() throws IOException {
        String statusLine = line();
        Map<String, String> headers = new TreeMap<>();
        for (String line = line(); !line.isEmpty(); line = line()) {
            int colon = line.indexOf(':');
            headers.put(
                    line.substring(0, colon).toLowerCase(Locale.ROOT),
                    line.substring(colon + 1).strip());
        }
        return new Head(Integer.parseInt(statusLine.substring(9, 12)), headers);
    }

    public byte[] receive(int length) throws IOException {
        return in.readNBytes(length);
    }

    /** How many bytes come until the other side ends the connection, orderly or not. */
    long receiveAll() throws IOException {
        long received = 0;
        byte[] bytes = new byte[65536];
        try {
            for (int count = in.read(bytes); count >= 0; count = in.read(bytes)) {
                received += count;
            }
        } catch (SocketTimeoutException silence) {
            throw silence;
        } catch (IOException reset) {
            return received;
        }
        return received;
    }

    /** A body that comes in chunks, to its end. */
    byte[] receiveChunks() throws IOException {
        ByteArrayOutputStream body = new ByteArrayOutputStream();
        for (int length = chunkLength(); length > 0; length = chunkLength()) {
            body.write(in.readNBytes(length));
            line();
        }
        line();
        return body.toByteArray();
    }

    private int chunkLength() throws IOException {
        return Integer.parseInt(line(), 16);
    }

    /** Whether the other side has ended the connection, orderly or not, after what was received. */
    boolean ended() {
        try {
            return in.read() < 0;
        } catch (IOException reset) {
            return !(reset instanceof SocketTimeoutException);
        }
    }

    private String line() throws IOException {
        ByteArrayOutputStream line = new ByteArrayOutputStream();
        for (int next = in.read(); next != '\n'; next = in.read()) {
            if (next < 0) {
                throw new IOException("the connection ended after \"" + line + "\"");
            }
            if (next != '\r') {
                line.write(next);
            }
        }
        return line.toString(StandardCharsets.US_ASCII);
    }

    @Override
    public void close() throws IOException {
        connection.close();
    }
}
