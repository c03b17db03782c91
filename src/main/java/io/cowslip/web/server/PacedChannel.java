package io.cowslip.web.server;

import java.nio.channels.SocketChannel;

/** A connection whose client is looked after. */
interface PacedChannel {
    ClientPace pace();

    /** The socket; null once there is none. */
    SocketChannel getIOChannel();
}
