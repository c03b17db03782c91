package io.cowslip.engine.host;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.net.Inet4Address;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.ByteOrder;
import java.nio.channels.SocketChannel;
import org.jspecify.annotations.Nullable;

/**
 * What of the bytes handed to a TCP connection its peer may still be without. The kernel tells by its socket diagnosis
 * (sock_diag(7), structures in linux/inet_diag.h), which has no privileges but may be missing in the kernel or kept from
 * a container. Of a peer in the same network namespace it also tells what that has received and not read: pages of a
 * file are not copied on the way there. Any thread.
 */
public final class ConnectionQueue {
    private static final int NETLINK_SOCK_DIAG = 4;
    private static final short SOCK_DIAG_BY_FAMILY = 20;
    private static final short NLM_F_REQUEST = 1;
    private static final byte AF_INET = 2;
    private static final byte AF_INET6 = 10;
    private static final byte IPPROTO_TCP = 6;
    private static final int HEADER_BYTES = 16;
    private static final int REQUEST_BYTES = HEADER_BYTES + 56;
    private static final int ID_OFFSET = HEADER_BYTES + 8;
    private static final int ADDRESS_BYTES = 16;
    private static final long STATE_OFFSET = HEADER_BYTES + 1;
    private static final byte TCP_LISTEN = 10;
    private static final long RECEIVE_QUEUE_OFFSET = HEADER_BYTES + 56;
    private static final long SEND_QUEUE_OFFSET = HEADER_BYTES + 60;

    private static final ValueLayout.OfShort PORT = ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.BIG_ENDIAN);

    private final MemorySegment ours;
    private final MemorySegment peers;
    private final boolean peerIsHere;

    private ConnectionQueue(InetSocketAddress local, InetSocketAddress remote) throws IOException {
        this.ours = request(local, remote);
        this.peers = request(remote, local);
        this.peerIsHere = Diagnosis.ask(peers, RECEIVE_QUEUE_OFFSET) != Diagnosis.NO_SUCH_SOCKET;
    }

    /** Null where this host does not tell of the connection. */
    public static @Nullable ConnectionQueue of(SocketChannel connection) throws IOException {
        if (Diagnosis.DESCRIPTOR < 0
                || !(connection.getLocalAddress() instanceof InetSocketAddress local)
                || !(connection.getRemoteAddress() instanceof InetSocketAddress remote)) {
            return null;
        }
        ConnectionQueue queue = new ConnectionQueue(local, remote);
        return queue.isOpen() ? queue : null;
    }

    /** Whether the kernel still knows the connection: false once the peer has reset it, or it is over. */
    public boolean isOpen() throws IOException {
        return Diagnosis.ask(ours, SEND_QUEUE_OFFSET) >= 0;
    }

    /** Bytes that are not acknowledged, or by a peer in this network namespace not read; 0 when the connection is gone. */
    public long undeliveredBytes() throws IOException {
        long sent = Math.max(0, Diagnosis.ask(ours, SEND_QUEUE_OFFSET));
        return peerIsHere ? sent + Math.max(0, Diagnosis.ask(peers, RECEIVE_QUEUE_OFFSET)) : sent;
    }

    /** A question about the socket at {@code from} that is connected to {@code to}. */
    private static MemorySegment request(InetSocketAddress from, InetSocketAddress to) {
        boolean four = from.getAddress() instanceof Inet4Address;
        MemorySegment request = Arena.ofAuto().allocate(REQUEST_BYTES, 8);
        request.set(ValueLayout.JAVA_INT, 0, REQUEST_BYTES);
        request.set(ValueLayout.JAVA_SHORT, 4, SOCK_DIAG_BY_FAMILY);
        request.set(ValueLayout.JAVA_SHORT, 6, NLM_F_REQUEST);
        request.set(ValueLayout.JAVA_BYTE, HEADER_BYTES, four ? AF_INET : AF_INET6);
        request.set(ValueLayout.JAVA_BYTE, HEADER_BYTES + 1, IPPROTO_TCP);
        request.set(ValueLayout.JAVA_INT, HEADER_BYTES + 4, -1);
        request.set(PORT, ID_OFFSET, (short) from.getPort());
        request.set(PORT, ID_OFFSET + 2, (short) to.getPort());
        put(from.getAddress(), request, ID_OFFSET + 4);
        put(to.getAddress(), request, ID_OFFSET + 4 + ADDRESS_BYTES);
        // Whatever the cookie: no socket of the same addresses can be meant but this.
        request.set(ValueLayout.JAVA_LONG_UNALIGNED, REQUEST_BYTES - 8, -1);
        return request;
    }

    private static void put(InetAddress address, MemorySegment into, long offset) {
        byte[] bytes = address.getAddress();
        MemorySegment.copy(bytes, 0, into, ValueLayout.JAVA_BYTE, offset, bytes.length);
    }

    /** The one netlink socket. The kernel answers within the call that asks. */
    private static final class Diagnosis {
        static final long NO_SUCH_SOCKET = -Posix.ENOENT;
        static final int DESCRIPTOR =
                Posix.socket(Posix.AF_NETLINK, Posix.SOCK_RAW | Posix.SOCK_CLOEXEC, NETLINK_SOCK_DIAG);

        private static final short NLMSG_ERROR = 2;
        private static final MemorySegment ANSWER = Arena.global().allocate(4096, 8);

        /** The figure at {@code offset} of the answer, or the negated errno that the kernel answers with. */
        static synchronized long ask(MemorySegment request, long offset) throws IOException {
            long result = Posix.send(DESCRIPTOR, request, 0);
            while (result >= 0) {
                result = Posix.recv(DESCRIPTOR, ANSWER, Posix.MSG_DONTWAIT);
                if (result > 0) {
                    return figure(offset);
                }
            }
            throw new IOException("the kernel does not tell of its sockets (errno " + -result + ")");
        }

        /** Where a connection is gone, the kernel tells of the socket that listens at its address, if there is one. */
        private static long figure(long offset) {
            if (ANSWER.get(ValueLayout.JAVA_SHORT, 4) == NLMSG_ERROR) {
                return ANSWER.get(ValueLayout.JAVA_INT, HEADER_BYTES);
            }
            return ANSWER.get(ValueLayout.JAVA_BYTE, STATE_OFFSET) == TCP_LISTEN
                    ? NO_SUCH_SOCKET
                    : Integer.toUnsignedLong(ANSWER.get(ValueLayout.JAVA_INT, offset));
        }
    }
}
