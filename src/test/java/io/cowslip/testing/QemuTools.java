package io.cowslip.testing;

import java.nio.ByteOrder;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/**
 * QEMU's own tools as the judge of images: {@code qemu-img} and {@code qemu-io} from the PATH. Methods that make or
 * change something insist on success; the plain {@link #img} and {@link #io} leave the exit code to the caller.
 */
public final class QemuTools {
    private static final Duration LIMIT = Duration.ofSeconds(60);
    private static final boolean AVAILABLE =
            Processes.find("qemu-img").isPresent() && Processes.find("qemu-io").isPresent();
    private static final JsonMapper JSON = JsonMapper.shared();
    private static final int CLOCK_ATTEMPTS = 60;
    private static final List<String> HASTY_CLOCK = hastyClock();

    private QemuTools() {}

    /**
     * What {@code qemu-img check} found.
     *
     * @param exitCode 0 clean, 1 could not check, 2 corruptions, 3 leaks only
     * @param details what it said about each
     */
    public record CheckResult(int exitCode, long corruptions, long leaks, long checkErrors, String details) {

        public boolean clean() {
            return exitCode == 0 && corruptions == 0 && leaks == 0 && checkErrors == 0;
        }

        /** Clean but for clusters that are counted and used by nothing: all that a crash may leave. */
        public boolean leaksAtMost() {
            return (exitCode == 0 || exitCode == 3) && corruptions == 0 && checkErrors == 0;
        }
    }

    /** A run of the disk as {@code qemu-img map} shows it. */
    public record MapEntry(long start, long length, int depth, boolean present, boolean zero, boolean data) {}

    public static boolean available() {
        return AVAILABLE;
    }

    /** Runs {@code qemu-img} with these arguments. */
    public static Processes.Output img(String... arguments) {
        return run("qemu-img", List.of(arguments));
    }

    /**
     * Runs {@code qemu-img create} with these arguments for an encrypted image. To find out how often to derive a LUKS
     * key, it keeps a processor busy for more than two seconds by its own clock, {@code getrusage}. Where strace is
     * there, that clock says that a second is over after the first look, and the key gets the fewest iterations. Where it
     * is not, the clock is at times too coarse for qemu-img, which then gives up and is run again.
     */
    public static Processes.Output createEncrypted(List<String> arguments) {
        List<String> command = new ArrayList<>(HASTY_CLOCK);
        command.addAll(List.of("qemu-img", "create"));
        command.addAll(arguments);
        Processes.Output output = Processes.run(LIMIT, command);
        for (int attempt = 1; attempt < CLOCK_ATTEMPTS && output.err().contains("CPU usage"); attempt++) {
            output = Processes.run(LIMIT, command);
        }
        return output;
    }

    private static List<String> hastyClock() {
        // Every second call of a thread ends a measurement; ru_utime is 16 bytes, the seconds in the first. Without the
        // filter all other calls would stop as well, which takes as long as what is saved.
        String oneSecond = ByteOrder.nativeOrder() == ByteOrder.LITTLE_ENDIAN ? "01" + "00".repeat(15) : "";
        if (oneSecond.isEmpty() || Processes.find("strace").isEmpty()) {
            return List.of();
        }
        List<String> strace = List.of(
                "strace",
                "-qq",
                "-f",
                "--seccomp-bpf",
                "-o",
                "/dev/null",
                "-e",
                "trace=getrusage",
                "-e",
                "inject=getrusage:poke_exit=@arg2=" + oneSecond + ":when=2+2");
        List<String> probe = new ArrayList<>(strace);
        probe.add("true");
        return Processes.run(LIMIT, probe).exitCode() == 0 ? strace : List.of();
    }

    /** Runs {@code qemu-io} commands on an image of {@code format}, in order, in one opening. */
    public static Processes.Output io(String format, Path image, String... commands) {
        List<String> arguments = new ArrayList<>(List.of("-f", format));
        for (String command : commands) {
            arguments.add("-c");
            arguments.add(command);
        }
        arguments.add(image.toString());
        return run("qemu-io", arguments);
    }

    /** Runs {@code qemu-io} with these arguments. */
    public static Processes.Output io(List<String> arguments) {
        return run("qemu-io", arguments);
    }

    /** Writes and the like on a qcow2 image; each must succeed. qemu-io reports a failed command on its output only. */
    public static void edit(Path image, String... commands) {
        Processes.Output output = io("qcow2", image, commands).succeeded();
        if (output.out().contains("failed") || output.err().contains("failed")) {
            throw new AssertionError(output.out() + output.err());
        }
    }

    /** Creates a qcow2 image; {@code options} are as after {@code -o}, empty for none. */
    public static Path create(Path image, long sizeBytes, String options) {
        List<String> arguments = new ArrayList<>(List.of("create", "-q", "-f", "qcow2"));
        addOptions(arguments, options);
        arguments.add(image.toString());
        arguments.add(Long.toString(sizeBytes));
        run("qemu-img", arguments).succeeded();
        return image;
    }

    /** Creates a qcow2 image over a backing file; with a negative size it gets that of the backing file. */
    public static Path createOver(Path image, String backing, String backingFormat, long sizeBytes, String options) {
        List<String> arguments =
                new ArrayList<>(List.of("create", "-q", "-f", "qcow2", "-b", backing, "-F", backingFormat));
        addOptions(arguments, options);
        arguments.add(image.toString());
        if (sizeBytes >= 0) {
            arguments.add(Long.toString(sizeBytes));
        }
        run("qemu-img", arguments).succeeded();
        return image;
    }

    private static void addOptions(List<String> arguments, String options) {
        if (!options.isEmpty()) {
            arguments.add("-o");
            arguments.add(options);
        }
    }

    /** {@code qemu-img info} of one file, as JSON. */
    public static JsonNode info(Path image) {
        return JSON.readTree(
                img("info", "--output=json", image.toString()).succeeded().out());
    }

    /** {@code qemu-img info} of one file of a format that its content need not say, as JSON. */
    public static JsonNode info(String format, Path image) {
        return JSON.readTree(img("info", "-f", format, "--output=json", image.toString())
                .succeeded()
                .out());
    }

    /** How many compressed clusters {@code qemu-img check} counts. */
    public static long compressedClusters(Path image) {
        Processes.Output output = img("check", "--output=json", image.toString());
        return JSON.readTree(output.out()).path("compressed-clusters").asLong(0);
    }

    /** {@code qemu-img check} of a qcow2 image. */
    public static CheckResult check(Path image) {
        return check(image, List.of());
    }

    /** The same while somebody holds the image open. */
    public static CheckResult checkShared(Path image) {
        return check(image, List.of("-U"));
    }

    private static CheckResult check(Path image, List<String> flags) {
        List<String> arguments = new ArrayList<>(List.of("check", "-f", "qcow2", "--output=json"));
        arguments.addAll(flags);
        arguments.add(image.toString());
        Processes.Output output = run("qemu-img", arguments);
        if (output.exitCode() == 1 && output.out().isBlank()) {
            return new CheckResult(1, 0, 0, 1, output.err());
        }
        JsonNode report = JSON.readTree(output.out());
        return new CheckResult(
                output.exitCode(),
                report.path("corruptions").asLong(0),
                report.path("leaks").asLong(0),
                report.path("check-errors").asLong(0),
                output.err());
    }

    /** Whether both disks hold the same bytes; formats are as QEMU names them. */
    public static Processes.Output compare(Path first, String firstFormat, Path second, String secondFormat) {
        return img("compare", "-f", firstFormat, "-F", secondFormat, first.toString(), second.toString());
    }

    /** Copies an image into a new one, with {@code flags} such as {@code -c} before the names. */
    public static Path convert(Path from, String fromFormat, Path to, String toFormat, String... flags) {
        List<String> arguments = new ArrayList<>(List.of("convert", "-f", fromFormat, "-O", toFormat));
        arguments.addAll(List.of(flags));
        arguments.add(from.toString());
        arguments.add(to.toString());
        run("qemu-img", arguments).succeeded();
        return to;
    }

    /** {@code qemu-img map} of a qcow2 image. */
    public static List<MapEntry> map(Path image) {
        return map("qcow2", image);
    }

    /** {@code qemu-img map} of an image of {@code format}. */
    public static List<MapEntry> map(String format, Path image) {
        String json = img("map", "-f", format, "--output=json", image.toString())
                .succeeded()
                .out();
        List<MapEntry> entries = new ArrayList<>();
        for (JsonNode entry : JSON.readTree(json)) {
            entries.add(new MapEntry(
                    entry.get("start").asLong(),
                    entry.get("length").asLong(),
                    entry.get("depth").asInt(),
                    entry.get("present").asBoolean(),
                    entry.get("zero").asBoolean(),
                    entry.get("data").asBoolean()));
        }
        return entries;
    }

    /** Whether {@link #dirtyRuns} can be asked. */
    public static boolean showsBitmaps() {
        return Processes.find("nbdinfo").isPresent()
                && Processes.find("qemu-nbd").isPresent();
    }

    /** The runs of the disk that a bitmap of the image has marked, as an NBD client of {@code qemu-nbd -B} sees them. */
    public static List<MapEntry> dirtyRuns(Path image, String bitmap) {
        return dirtyRuns(bitmap, List.of("-f", "qcow2", image.toString()));
    }

    /** The same of an image that {@code qemu-nbd} opens by these arguments. */
    public static List<MapEntry> dirtyRuns(String bitmap, List<String> imageArguments) {
        List<String> server = new ArrayList<>(List.of("[", "qemu-nbd", "-r", "-B", bitmap));
        server.addAll(imageArguments);
        server.add("]");
        List<String> arguments = new ArrayList<>(List.of("--json", "--map=qemu:dirty-bitmap:" + bitmap, "--"));
        arguments.addAll(server);
        List<MapEntry> runs = new ArrayList<>();
        for (JsonNode run : JSON.readTree(run("nbdinfo", arguments).succeeded().out())) {
            if (run.get("type").asInt() != 0) {
                runs.add(new MapEntry(
                        run.get("offset").asLong(), run.get("length").asLong(), 0, true, false, true));
            }
        }
        return runs;
    }

    /** Opens an image with {@code qemu-io} and keeps it open; {@code flags} such as {@code -r} or {@code -U}. */
    public static HeldImage hold(String format, Path image, String... flags) {
        List<String> command = new ArrayList<>(List.of("qemu-io", "-f", format));
        command.addAll(List.of(flags));
        command.add(image.toString());
        return HeldImage.start(command, LIMIT);
    }

    private static Processes.Output run(String tool, List<String> arguments) {
        List<String> command = new ArrayList<>(List.of(tool));
        command.addAll(arguments);
        return Processes.run(LIMIT, command);
    }
}
