package io.cowslip.engine.host;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assumptions.assumeThat;
import static org.awaitility.Awaitility.await;

import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.StandardSocketOptions;
import java.nio.ByteBuffer;
import java.nio.channels.ServerSocketChannel;
import java.nio.channels.SocketChannel;
import java.util.Objects;
import org.junit.jupiter.api.Test;

/** What the kernel tells of a connection to a server that goes on listening, as servers do. */
class ConnectionQueueTest {

    @Test
    void aConnectionThatIsGoneIsNotTheListener() throws IOException {
        try (ServerSocketChannel server =
                        ServerSocketChannel.open().bind(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0));
                SocketChannel client = SocketChannel.open(server.getLocalAddress());
                SocketChannel served = server.accept()) {
            ConnectionQueue known = ConnectionQueue.of(served);
            assumeThat(known).isNotNull();
            ConnectionQueue queue = Objects.requireNonNull(known);
            served.write(ByteBuffer.allocate(1000));
            assertThat(queue.isOpen()).isTrue();
            assertThat(queue.undeliveredBytes()).isPositive();
            client.setOption(StandardSocketOptions.SO_LINGER, 0);
            client.close();
            await().untilAsserted(() -> assertThat(queue.isOpen()).isFalse());
            assertThat(queue.undeliveredBytes()).isZero();
        }
    }
}
