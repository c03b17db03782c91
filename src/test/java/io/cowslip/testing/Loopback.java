package io.cowslip.testing;

import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.ServerSocketChannel;
import java.nio.channels.SocketChannel;
import java.util.Arrays;

/**
 * A TCP connection of this host to itself.
 *
 * @param server the end that does not wait: it takes what fits
 * @param client the end that waits
 */
public record Loopback(SocketChannel server, SocketChannel client) implements AutoCloseable {

    /** @param address one of this host's own */
    public static Loopback connect(String address) throws IOException {
        try (ServerSocketChannel listening =
                ServerSocketChannel.open().bind(new InetSocketAddress(InetAddress.getByName(address), 0))) {
            SocketChannel client = SocketChannel.open(listening.getLocalAddress());
            SocketChannel server = listening.accept();
            server.configureBlocking(false);
            return new Loopback(server, client);
        }
    }

    /** What the client reads: fewer bytes only where the connection ends. */
    public byte[] receive(int length) throws IOException {
        ByteBuffer into = ByteBuffer.allocate(length);
        int count = 0;
        while (into.hasRemaining() && count >= 0) {
            count = client.read(into);
        }
        return Arrays.copyOf(into.array(), into.position());
    }

    @Override
    public void close() throws IOException {
        server.close();
        client.close();
    }
}
