package io.cowslip.testing;

import java.time.Duration;
import java.util.ArrayList;
import java.util.List;

/** Real clients of the service, run as a user runs them. */
public final class Programs {
    private static final Duration LIMIT = Duration.ofSeconds(60);

    private Programs() {}

    /** Runs curl with these arguments, insists on success, and says which status it got and how many bytes. */
    public static String curl(String... arguments) {
        return curl(List.of(arguments)).succeeded().out();
    }

    /** Runs curl with these arguments; it prints status and bytes of the answer after what else goes to its output. */
    public static Processes.Output curl(List<String> arguments) {
        List<String> command = new ArrayList<>(List.of("curl", "-sS", "-w", "%{http_code} %{size_download}"));
        command.addAll(arguments);
        return Processes.run(LIMIT, command);
    }
}
