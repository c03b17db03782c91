package io.cowslip;

import static org.assertj.core.api.Assertions.assertThat;

import io.cowslip.testing.NeedsQemu;
import io.cowslip.testing.QemuTools;
import io.cowslip.testing.RandomData;
import io.cowslip.testing.Seeds;
import io.cowslip.testing.ServiceClient;
import io.cowslip.testing.ServiceProcess;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;
import java.util.concurrent.CompletableFuture;
import java.util.stream.LongStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.TestReporter;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import tools.jackson.databind.JsonNode;

/**
 * A service under load is killed ({@code kill -9}) and started anew, over and over. Clients write, zero, discard and flush,
 * each in a part of a disk of its own, and know what was acknowledged; others take and delete snapshots, resize, and run
 * jobs. The service opens its drives by itself, every byte that a flush acknowledged is there, and the rest is old or new.
 */
@NeedsQemu
@Tag("long")
@Timeout(3600)
final class KillLoopTest {
    private static final int MIB = 1 << 20;
    private static final int PART_BYTES = 4 * MIB;
    private static final int PARTS = 4;
    private static final List<String> DRIVES = List.of("plain", "lazy");

    @TempDir
    Path folder;

    private final List<LoadedPart> parts = new ArrayList<>();

    static LongStream seeds() {
        return Seeds.seeds(1, 2);
    }

    @ParameterizedTest(name = "seed {0}")
    @MethodSource("seeds")
    void nothingAcknowledgedIsLost(long seed, TestReporter reporter) throws IOException {
        SplittableRandom random = new SplittableRandom(seed);
        int rounds = Seeds.longRun() ? 6 : 2;
        int round = 0;
        try {
            makeSource(random);
            LoadedDisks disks = new LoadedDisks(folder);
            for (; round < rounds; round++) {
                try (ServiceProcess service = start()) {
                    try (ServiceClient client = new ServiceClient(service.port())) {
                        if (round == 0) {
                            makeDisks(client, random);
                        } else {
                            judge(client, disks);
                        }
                        List<CompletableFuture<Void>> load = load(service, disks, random);
                        // A kill may come at any moment of the load.
                        Thread.sleep(random.nextInt(200, Seeds.longRun() ? 4000 : 1500));
                        service.kill();
                        load.forEach(CompletableFuture::join);
                    }
                }
            }
            endInOrder(disks, random);
        } catch (IOException | InterruptedException | RuntimeException | AssertionError e) {
            throw new AssertionError(
                    "round " + round + ": " + e.getMessage() + "; " + Seeds.replay(getClass(), seed), e);
        }
        reporter.publishEntry(Map.of(
                "kills",
                "" + rounds,
                "acknowledged",
                "" + parts.stream().mapToInt(LoadedPart::acknowledged).sum()));
        assertThat(parts).allMatch(part -> part.acknowledged() > 0);
    }

    private ServiceProcess start() {
        return ServiceProcess.start(folder, "--cowslip.data=data", "--cowslip.demo-image=false");
    }

    private void makeSource(SplittableRandom random) throws IOException {
        Files.createDirectories(folder.resolve("images"));
        Files.write(folder.resolve("images/source.raw"), RandomData.disk(random, 16 * MIB));
    }

    private void makeDisks(ServiceClient client, SplittableRandom random) throws IOException {
        for (String drive : DRIVES) {
            String lazy = drive.equals("lazy") ? ", 'lazy-refcounts': true" : "";
            client.json(
                            "PUT",
                            "/volumes/" + drive + ".qcow2",
                            "{'virtual-size': " + PARTS / 2 * PART_BYTES + ", 'cluster-size': 4096" + lazy + "}")
                    .is(201);
            client.json("POST", "/drives", "{'id': '" + drive + "', 'file': '" + drive + ".qcow2'}")
                    .is(201);
        }
        for (int part = 0; part < PARTS; part++) {
            parts.add(new LoadedPart(DRIVES.get(part % 2), part / 2 * PART_BYTES, PART_BYTES, random.split()));
        }
    }

    private List<CompletableFuture<Void>> load(ServiceProcess service, LoadedDisks disks, SplittableRandom random) {
        List<CompletableFuture<Void>> load = new ArrayList<>();
        for (LoadedPart part : parts) {
            load.add(CompletableFuture.runAsync(() -> part.work(service.port()), Thread::startVirtualThread));
        }
        SplittableRandom own = random.split();
        load.add(CompletableFuture.runAsync(() -> disks.work(service.port(), own), Thread::startVirtualThread));
        return load;
    }

    private void judge(ServiceClient client, LoadedDisks disks) throws IOException {
        assertThat(client.get("/drives").json())
                .extracting(drive -> drive.path("id").asString())
                .containsExactlyInAnyOrderElementsOf(DRIVES);
        for (LoadedPart part : parts) {
            part.judge(client);
        }
        disks.judge(client);
        for (String drive : DRIVES) {
            QemuTools.CheckResult check = QemuTools.checkShared(folder.resolve("images/" + drive + ".qcow2"));
            assertThat(check.leaksAtMost()).as("%s: %s", drive, check).isTrue();
        }
    }

    /** Told to stop under load, the service keeps all that it acknowledged, flushed or not, and closes its images. */
    private void endInOrder(LoadedDisks disks, SplittableRandom random) throws IOException, InterruptedException {
        try (ServiceProcess service = start();
                ServiceClient client = new ServiceClient(service.port())) {
            judge(client, disks);
            for (String drive : DRIVES) {
                client.json("POST", "/drives/" + drive + "/bitmaps", "{'name': 'since'}")
                        .is(201);
            }
            parts.forEach(LoadedPart::expectOrderlyEnd);
            List<CompletableFuture<Void>> load = load(service, disks, random);
            // So may the order to stop.
            Thread.sleep(random.nextInt(300, 1500));
            assertThat(service.stop()).isEqualTo(143);
            load.forEach(CompletableFuture::join);
        }
        for (String drive : DRIVES) {
            Path image = folder.resolve("images/" + drive + ".qcow2");
            QemuTools.CheckResult check = QemuTools.check(image);
            assertThat(check.leaksAtMost()).as("%s: %s", drive, check).isTrue();
            JsonNode specific = QemuTools.info(image).at("/format-specific/data");
            assertThat(specific.at("/bitmaps/0/name").asString()).isEqualTo("since");
            assertThat(specific.at("/bitmaps/0/flags").toString()).doesNotContain("in-use");
            assertThat(Files.readAllBytes(image)[79])
                    .as("incompatible features")
                    .isZero();
        }
        try (Stream<Path> files = Files.list(folder.resolve("images"))) {
            assertThat(files.map(file -> file.getFileName().toString())).noneMatch(name -> name.startsWith("."));
        }
        try (ServiceProcess service = start();
                ServiceClient client = new ServiceClient(service.port())) {
            judge(client, disks);
        }
    }
}
