package io.cowslip.testing;

import java.time.Duration;
import java.util.ArrayList;
import java.util.List;

/** A program that people read and write the service's disks with, as Debian packages it. */
public enum ClientProgram {
    CURL("curl", "curl"),
    /** QEMU's tools with the block driver that reads over HTTP. */
    QEMU_OVER_HTTP("qemu-img", "qemu-block-extra"),
    /** nbdkit with its curl plugin. */
    NBDKIT("nbdkit", "nbdkit"),
    NBDCOPY("nbdcopy", "libnbd-bin"),
    RCLONE("rclone", "rclone");

    private static final Duration LIMIT = Duration.ofMinutes(2);

    private final String executable;
    private final String debianPackage;

    ClientProgram(String executable, String debianPackage) {
        this.executable = executable;
        this.debianPackage = debianPackage;
    }

    public String debianPackage() {
        return debianPackage;
    }

    boolean isInstalled() {
        return Processes.find(executable).isPresent()
                && switch (this) {
                    // Nobody listens there; without the driver that is not found out.
                    case QEMU_OVER_HTTP ->
                        !run("info", "http://127.0.0.1:1/").err().contains("Unknown protocol");
                    case NBDKIT -> run("curl", "--dump-plugin").exitCode() == 0;
                    case CURL, NBDCOPY, RCLONE -> true;
                };
    }

    /** Runs the program with these arguments. */
    public Processes.Output run(String... arguments) {
        return run(List.of(arguments));
    }

    /** Runs the program with these arguments. */
    public Processes.Output run(List<String> arguments) {
        List<String> command = new ArrayList<>(List.of(executable));
        command.addAll(arguments);
        return Processes.run(LIMIT, command);
    }
}
