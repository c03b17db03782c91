package io.cowslip.testing;

import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.TimeUnit;

/** A {@code qemu-io} process that has an image open, with QEMU's locks on it, until this is closed. */
public final class HeldImage implements AutoCloseable {
    private static final String PROMPT = "qemu-io> ";

    private final Process process;
    private final Duration limit;

    private HeldImage(Process process, Duration limit) {
        this.process = process;
        this.limit = limit;
    }

    static HeldImage start(List<String> command, Duration limit) {
        try {
            Process process =
                    new ProcessBuilder(command).redirectErrorStream(true).start();
            HeldImage held = new HeldImage(process, limit);
            held.readToPrompt();
            return held;
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** Runs one qemu-io command and returns what it said. */
    public String run(String command) {
        try {
            OutputStream commands = process.getOutputStream();
            commands.write((command + "\n").getBytes(StandardCharsets.UTF_8));
            commands.flush();
            return readToPrompt();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private String readToPrompt() throws IOException {
        StringBuilder said = new StringBuilder();
        InputStream output = process.getInputStream();
        while (said.indexOf(PROMPT) < 0) {
            int next = output.read();
            if (next < 0) {
                throw new AssertionError("qemu-io ended: " + said);
            }
            said.append((char) next);
        }
        return said.substring(0, said.length() - PROMPT.length());
    }

    /** Kills qemu-io, as when its host process dies: what it has not written is lost. */
    public void kill() {
        try {
            process.destroyForcibly();
            if (!process.waitFor(limit.toMillis(), TimeUnit.MILLISECONDS)) {
                throw new AssertionError("qemu-io cannot be killed");
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new IllegalStateException(e);
        }
    }

    /** Lets qemu-io flush and end, as at the end of a guest. */
    @Override
    public void close() {
        try {
            process.getOutputStream().close();
            if (!process.waitFor(limit.toMillis(), TimeUnit.MILLISECONDS)) {
                process.destroyForcibly();
                throw new AssertionError("qemu-io did not end within " + limit);
            }
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new IllegalStateException(e);
        }
    }
}
