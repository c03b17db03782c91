package io.cowslip.web.server;

import java.io.IOException;
import java.util.function.Supplier;
import org.apache.coyote.InputBuffer;
import org.apache.tomcat.util.net.ApplicationBufferHandler;

/** The body of a request, whose reader waits for the client. */
final class PacedInput implements InputBuffer {
    private final InputBuffer containers;
    private final Supplier<ClientPace> pace;

    PacedInput(InputBuffer containers, Supplier<ClientPace> pace) {
        this.containers = containers;
        this.pace = pace;
    }

    @Override
    public int doRead(ApplicationBufferHandler handler) throws IOException {
        ClientPace client = pace.get();
        client.waiting();
        int count = 0;
        try {
            count = containers.doRead(handler);
            return count;
        } finally {
            client.moved(Math.max(count, 0));
        }
    }

    @Override
    public int available() {
        return containers.available();
    }
}
