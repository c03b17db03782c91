package io.cowslip.web.data;

import io.cowslip.engine.image.map.GuestExtent;
import io.cowslip.web.data.TransferBuffers.Buffer;
import jakarta.servlet.ServletOutputStream;
import java.io.IOException;

/**
 * Guest bytes of one answer on their way out. The map is asked ahead only where more than a buffer is left, so that long
 * runs cost no read, of zeros, and no copy, of data, and small requests no second look-up.
 */
final class WindowOutput {
    private final ByteView view;
    private final Buffer buffer;
    private final ServletOutputStream out;
    private final PageOutput pages;

    WindowOutput(ByteView view, Buffer buffer, ServletOutputStream out, PageOutput pages) {
        this.view = view;
        this.buffer = buffer;
        this.out = out;
        this.pages = pages;
    }

    void send(ByteWindow window) throws IOException {
        long position = window.start();
        long copiedTo = position;
        while (position < window.end()) {
            long left = window.end() - position;
            if (position >= copiedTo && left > buffer.sizeBytes()) {
                GuestExtent run = view.image().extentAt(position, left);
                view.requireUnchanged();
                long sent = sendRun(run);
                position += sent;
                copiedTo = position + (sent == 0 ? run.length() : 0);
            } else {
                position += copy(position, left);
            }
            pages.finishIfAsked();
        }
    }

    /** Sends what a run has to spare a read or a copy for, and says how much. */
    private long sendRun(GuestExtent run) throws IOException {
        if (!run.zero()) {
            return pages.send(run.start(), run.length());
        }
        if (run.length() < buffer.sizeBytes()) {
            return 0;
        }
        long sent = pages.sendZeros(run.length());
        for (long left = run.length() - sent; left > 0; left -= buffer.sizeBytes()) {
            view.requireUnchanged();
            out.write(buffer.zeros(Math.min(left, buffer.sizeBytes())));
        }
        return run.length();
    }

    private long copy(long position, long left) throws IOException {
        int step = (int) Math.min(buffer.sizeBytes(), left);
        view.image().read(position, buffer.memory(step));
        view.requireUnchanged();
        out.write(buffer.view(step));
        return step;
    }
}
