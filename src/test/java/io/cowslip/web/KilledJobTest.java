package io.cowslip.web;

import static org.assertj.core.api.Assertions.assertThat;

import io.cowslip.testing.NeedsQemu;
import io.cowslip.testing.QemuTools;
import io.cowslip.testing.Seeds;
import io.cowslip.testing.ServiceProcess;
import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.SplittableRandom;
import java.util.stream.Stream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/**
 * A service of its own is killed ({@code kill -9}) in the middle of a job of a type that writes: what the job read is
 * untouched, what it changed reads as before and is sound, and nothing half-made has a name.
 */
@NeedsQemu
@Tag("long")
final class KilledJobTest {
    private static final String JOB = "cowslip.job";
    private static final Duration LIMIT = Duration.ofMinutes(4);
    private static final int MIB = 1 << 20;
    private static final int DISK_MIB = 96;

    @TempDir
    Path folder;

    /** What a job of one type is asked for, and what must be true whatever became of it. */
    enum Killed {
        CONVERT("{'type': 'convert', 'file': 'top.qcow2', 'target': {'file': 'new.qcow2', 'compress': true}}") {
            @Override
            void judge(Path root, Path reference) throws IOException {
                requireSame(root.resolve("top.qcow2"), reference);
                requireSame(root.resolve("base.qcow2"), root.resolve("../base.raw"));
                if (Files.exists(root.resolve("new.qcow2"))) {
                    requireSame(root.resolve("new.qcow2"), reference);
                }
            }
        },
        RESIZE("{'type': 'resize', 'file': 'top.qcow2', 'virtual-size': '192M', 'preallocation': 'full'}") {
            @Override
            void judge(Path root, Path reference) throws IOException {
                assertThat(QemuTools.info(root.resolve("top.qcow2"))
                                .path("virtual-size")
                                .asInt())
                        .isIn(DISK_MIB * MIB, 192 * MIB);
                requireSound(root.resolve("top.qcow2"));
                // What it may have gained is zeros, for which a comparison only has a warning.
                assertThat(QemuTools.compare(root.resolve("top.qcow2"), "qcow2", reference, "raw")
                                .out())
                        .contains("Images are identical");
            }
        },
        AMEND("{'type': 'amend', 'file': 'top.qcow2', 'refcount-bits': 64}"),
        REBASE("{'type': 'rebase', 'file': 'top.qcow2', 'backing-file': null}") {
            @Override
            void judge(Path root, Path reference) throws IOException {
                super.judge(root, reference);
                requireSame(root.resolve("base.qcow2"), root.resolve("../base.raw"));
            }
        },
        COMMIT("{'type': 'commit', 'file': 'top.qcow2'}") {
            @Override
            void judge(Path root, Path reference) throws IOException {
                super.judge(root, reference);
                requireSound(root.resolve("base.qcow2"));
            }
        },
        COMPACT("{'type': 'compact', 'file': 'top.qcow2'}"),
        REPAIR("{'type': 'check', 'file': 'top.qcow2', 'repair': 'all'}");

        private final String body;

        Killed(String body) {
            this.body = body.replace('\'', '"');
        }

        void judge(Path root, Path reference) throws IOException {
            requireSame(root.resolve("top.qcow2"), reference);
        }

        private static void requireSame(Path image, Path raw) {
            requireSound(image);
            assertThat(QemuTools.compare(image, "qcow2", raw, "raw").out()).isEqualTo("Images are identical.\n");
        }

        private static void requireSound(Path image) {
            QemuTools.CheckResult check = QemuTools.check(image);
            assertThat(check.leaksAtMost())
                    .as("%s: %s", image.getFileName(), check)
                    .isTrue();
        }
    }

    static Stream<Arguments> jobs() {
        return kinds().flatMap(job -> Seeds.seeds(1, 2).mapToObj(seed -> Arguments.of(job, seed)));
    }

    private static Stream<Killed> kinds() {
        String named = System.getProperty(JOB);
        if (named != null) {
            return Stream.of(Killed.valueOf(named));
        }
        return Seeds.longRun() ? Stream.of(Killed.values()) : Stream.of(Killed.CONVERT, Killed.COMMIT, Killed.REPAIR);
    }

    @ParameterizedTest(name = "{0}, seed {1}")
    @MethodSource("jobs")
    void nothingIsLost(Killed job, long seed) throws Exception {
        SplittableRandom random = new SplittableRandom(seed);
        Path root = Files.createDirectory(folder.resolve("images"));
        Path reference = makeChain(root, random);
        try {
            try (Service service = Service.start(root, folder)) {
                String location = service.post(job.body);
                service.awaitRunning(location);
                // The kill is to come at any moment of the job, which nothing tells of from outside.
                Thread.sleep(random.nextInt(1, 150));
                service.kill();
            }
            job.judge(root, reference);
            // The next start takes away what has no name.
            try (Service service = Service.start(root, folder)) {
                service.kill();
            }
            try (Stream<Path> files = Files.list(root)) {
                assertThat(files.map(file -> file.getFileName().toString())).noneMatch(name -> name.startsWith("."));
            }
            job.judge(root, reference);
        } catch (AssertionError e) {
            throw new AssertionError(
                    job + ": " + e.getMessage() + "; " + Seeds.replay(getClass(), seed) + " -D" + JOB + "=" + job, e);
        }
    }

    /** An overlay with half of the disk, and much to give back, over a base with the other half; returns it as raw. */
    private Path makeChain(Path root, SplittableRandom random) throws IOException {
        byte[] content = new byte[DISK_MIB / 2 * MIB];
        random.nextBytes(content);
        Path raw = Files.write(folder.resolve("base.raw"), content);
        try (var file = Files.newByteChannel(raw, StandardOpenOption.WRITE)) {
            file.position((long) DISK_MIB * MIB - 1);
            file.write(ByteBuffer.allocate(1));
        }
        Path base = QemuTools.convert(raw, "raw", root.resolve("base.qcow2"), "qcow2", "-o", "cluster_size=4k");
        Path top = QemuTools.createOver(root.resolve("top.qcow2"), "base.qcow2", "qcow2", -1, "cluster_size=4k");
        QemuTools.edit(top, "write -P 1 24M 48M", "write -P 2 80M 16M", "write -z 40M 8M", "write -P 0 50M 8M");
        assertThat(base).exists();
        return QemuTools.convert(top, "qcow2", folder.resolve("reference.raw"), "raw");
    }

    /** A service in a process of its own, and who speaks to it. */
    private record Service(ServiceProcess process, HttpClient client, URI address) implements AutoCloseable {
        static Service start(Path root, Path folder) {
            ServiceProcess process =
                    ServiceProcess.start(folder, "--cowslip.demo-image=false", "--cowslip.image-root=" + root);
            boolean started = false;
            try {
                URI address = URI.create("http://127.0.0.1:" + process.port());
                started = true;
                return new Service(process, HttpClient.newHttpClient(), address);
            } finally {
                if (!started) {
                    process.close();
                }
            }
        }

        String post(String body) throws IOException, InterruptedException {
            HttpResponse<String> answer = client.send(
                    HttpRequest.newBuilder(address.resolve("/jobs"))
                            .header("Content-Type", "application/json")
                            .POST(BodyPublishers.ofString(body))
                            .build(),
                    BodyHandlers.ofString());
            assertThat(answer.statusCode()).as(answer.body()).isEqualTo(202);
            return answer.headers().firstValue("Location").orElseThrow();
        }

        /** Waits until the job has something done, or has ended. */
        void awaitRunning(String location) throws IOException, InterruptedException {
            Instant deadline = Instant.now().plus(LIMIT);
            while (Instant.now().isBefore(deadline)) {
                JsonNode job = JsonMapper.shared()
                        .readTree(client.send(
                                        HttpRequest.newBuilder(address.resolve(location))
                                                .build(),
                                        BodyHandlers.ofString())
                                .body());
                assertThat(job.path("state").asString()).as(job.toString()).isNotEqualTo("failed");
                if (!List.of("queued", "running").contains(job.path("state").asString())
                        || job.at("/progress/total").asLong() > 0) {
                    return;
                }
            }
            throw new AssertionError("the job does not begin");
        }

        void kill() {
            process.kill();
        }

        @Override
        public void close() {
            process.close();
            client.close();
        }
    }
}
