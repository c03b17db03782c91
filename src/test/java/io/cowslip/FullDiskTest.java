package io.cowslip;

import static org.assertj.core.api.Assertions.assertThat;

import io.cowslip.testing.ModelDisk;
import io.cowslip.testing.NeedsQemu;
import io.cowslip.testing.QemuTools;
import io.cowslip.testing.RandomData;
import io.cowslip.testing.ServiceClient;
import io.cowslip.testing.ServiceClient.Answer;
import io.cowslip.testing.ServiceProcess;
import io.cowslip.testing.SmallFileSystem;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.SplittableRandom;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import tools.jackson.databind.JsonNode;

/**
 * A service whose file systems fill up, the one with the images and the one with its catalogue: who asks is told so (507,
 * and 503 for the catalogue), nothing half-made stays, nothing is lost, and once there is space again all goes on.
 */
@NeedsQemu
@Timeout(900)
final class FullDiskTest {
    private static final int MIB = 1 << 20;
    private static final int IMAGES_BYTES = 24 * MIB;
    private static final int DATA_BYTES = 6 * MIB;
    private static final String FULL = "insufficient-storage";

    @TempDir
    private static Path folder;

    private static SmallFileSystem images;
    private static SmallFileSystem data;
    private static ServiceProcess service;
    private static ServiceClient client;

    private final SplittableRandom random = new SplittableRandom(1);

    @BeforeAll
    static void start() throws IOException {
        images = SmallFileSystem.ext4(Files.createDirectory(folder.resolve("images")), IMAGES_BYTES);
        data = SmallFileSystem.inMemory(Files.createDirectory(folder.resolve("data")), DATA_BYTES);
        service = startService();
        client = new ServiceClient(service.port());
    }

    private static ServiceProcess startService() {
        return ServiceProcess.start(
                folder,
                "--cowslip.demo-image=false",
                "--cowslip.image-root=images/root",
                "--cowslip.data=data/catalogue");
    }

    @AfterAll
    static void stop() {
        if (service != null) {
            client.close();
            service.close();
        }
        if (data != null) {
            data.close();
        }
        if (images != null) {
            images.close();
        }
    }

    @AfterEach
    void tidy() throws IOException {
        images.free();
        data.free();
        for (JsonNode drive : client.get("/drives").json()) {
            client.delete("/drives/" + drive.path("id").asString()).is(204);
        }
        for (JsonNode upload : client.get("/uploads").json()) {
            client.delete("/files/" + upload.path("name").asString());
        }
        try (Stream<Path> files = Files.walk(root())) {
            for (Path file : files.filter(Files::isRegularFile).toList()) {
                Files.delete(file);
            }
        }
    }

    private static Path root() {
        return folder.resolve("images/root");
    }

    /** Clusters smaller and larger than the file system's blocks. */
    @ParameterizedTest
    @ValueSource(ints = {1024, 65536})
    void aDriveGoesOnWhenThereIsSpaceAgain(int clusterBytes) throws IOException {
        int sizeBytes = 16 * MIB;
        createVolume("disk.qcow2", "'virtual-size': " + sizeBytes + ", 'cluster-size': " + clusterBytes);
        open("disk");
        images.leave(3 * MIB);
        ModelDisk model = ModelDisk.ofZeros(sizeBytes);
        int refused = 0;
        for (int i = 0; i < 150 || refused < 20; i++) {
            refused += write(model, "disk") ? 0 : 1;
        }
        assertThat(client.read("disk", 0, sizeBytes)).isEqualTo(model.read(0, sizeBytes));
        images.leave(0);
        client.json("POST", "/drives/disk/snapshots", "{'name': 'full'}").isProblem(507, FULL);
        assertThat(client.get("/drives/disk/snapshots").json()).isEmpty();
        zero(model, 0, 4 * clusterBytes);
        client.read("disk", 0, sizeBytes);
        images.free();
        for (int i = 0; i < 40; i++) {
            assertThat(write(model, "disk")).isTrue();
        }
        client.json("POST", "/drives/disk/snapshots", "{'name': 'after'}").is(201);
        client.delete("/drives/disk/snapshots/after").is(204);
        assertThat(client.read("disk", 0, sizeBytes)).isEqualTo(model.read(0, sizeBytes));
        client.delete("/drives/disk").is(204);
        Path raw = Files.write(folder.resolve("model.raw"), model.read(0, sizeBytes));
        assertThat(QemuTools.check(root().resolve("disk.qcow2")).clean()).isTrue();
        requireSame("disk.qcow2", "qcow2", raw);
    }

    /** Writes somewhere, durably; false where there was no space, and then the range holds old bytes or new ones. */
    private boolean write(ModelDisk model, String drive) throws IOException {
        int length = 512 * random.nextInt(1, 400);
        int offset = 512 * random.nextInt((model.sizeBytes() - length) / 512);
        byte[] bytes = RandomData.bytes(random, length);
        model.write(offset, bytes);
        Answer answer = client.write(drive, offset, bytes, true);
        if (answer.status() == 200) {
            model.flushed();
            return true;
        }
        answer.isProblem(507, FULL);
        model.adopt(offset, client.read(drive, offset, length));
        return false;
    }

    private void zero(ModelDisk model, int offset, int length) throws IOException {
        model.zero(offset, length);
        Answer answer = client.json(
                "PATCH",
                "/drives/disk/data",
                "{'op': 'zero', 'offset': " + offset + ", 'size': " + length + ", 'flush': true}");
        assertThat(answer.status()).isIn(200, 507);
        model.adopt(offset, client.read("disk", offset, length));
    }

    /** Each leaves what it read and what it changed as it was, and can be started again. */
    @ParameterizedTest
    @ValueSource(
            strings = {
                "{'type': 'convert', 'file': 'top.qcow2', 'target': {'file': 'new/made.qcow2'}}",
                "{'type': 'convert', 'file': 'top.qcow2', 'target': {'file': 'new/made.qcow2', 'compress': true}}",
                "{'type': 'convert', 'file': 'top.qcow2', 'target': {'file': 'made.raw', 'format': 'raw'}}",
                "{'type': 'rebase', 'file': 'top.qcow2', 'backing-file': null}",
                "{'type': 'commit', 'file': 'top.qcow2'}",
                "{'type': 'resize', 'file': 'top.qcow2', 'virtual-size': '14M', 'preallocation': 'full'}",
                "{'type': 'resize', 'file': 'top.qcow2', 'virtual-size': '14M', 'preallocation': 'falloc'}",
                "{'type': 'amend', 'file': 'top.qcow2', 'refcount-bits': 64}",
                "{'type': 'compact', 'file': 'top.qcow2'}"
            })
    void aJobFailsAndCanBeStartedAgain(String job) throws IOException {
        Path raw = makeChain();
        boolean amends = job.contains("amend");
        images.leave(amends ? 0 : 512 << 10);
        String id = client.start(job);
        JsonNode failed = client.ended(id);
        List<String> files = files();
        if (job.contains("compact")) {
            assertThat(failed.path("state").asString()).as(failed.toString()).isIn("completed", "failed");
        } else {
            assertThat(failed.path("state").asString()).as(failed.toString()).isEqualTo("failed");
        }
        if (failed.path("state").asString().equals("failed")) {
            assertThat(failed.at("/problem/type").asString()).isEqualTo("/problems/" + FULL);
        }
        assertThat(files).containsExactlyInAnyOrder("base.qcow2", "top.qcow2");
        assertThat(QemuTools.check(root().resolve("top.qcow2")).leaksAtMost()).isTrue();
        assertThat(QemuTools.check(root().resolve("base.qcow2")).leaksAtMost()).isTrue();
        requireSame("top.qcow2", "qcow2", raw);
        images.free();
        if (failed.path("state").asString().equals("failed")) {
            client.json("POST", "/jobs/" + id + "/restart", "{}").is(202);
            assertThat(client.ended(id).path("state").asString()).isEqualTo("completed");
        }
        requireSame("top.qcow2", "qcow2", raw);
        if (Files.exists(root().resolve("new/made.qcow2"))) {
            requireSame("new/made.qcow2", "qcow2", raw);
        }
    }

    /** An overlay with 3 MiB over a base with 4; returns the disk as a raw file, which is elsewhere. */
    private Path makeChain() throws IOException {
        byte[] content = RandomData.bytes(random, 4 * MIB);
        Path base = Files.write(folder.resolve("base.raw"), content);
        QemuTools.convert(base, "raw", root().resolve("base.qcow2"), "qcow2", "-o", "cluster_size=4k");
        QemuTools.createOver(root().resolve("top.qcow2"), "base.qcow2", "qcow2", 8 * MIB, "cluster_size=4k");
        byte[] own = RandomData.bytes(random, 3 * MIB);
        Path write = Files.write(folder.resolve("own.raw"), own);
        QemuTools.edit(root().resolve("top.qcow2"), "write -s " + write + " 3M 3M");
        return QemuTools.convert(root().resolve("top.qcow2"), "qcow2", folder.resolve("chain.raw"), "raw");
    }

    /** No part of a file has a name, and an upload that can go on goes on. */
    @Test
    void uploadsThatDoNotFit() throws IOException {
        byte[] bytes = RandomData.bytes(random, MIB);
        images.leave(MIB / 2);
        client.octets("PUT", "/files/plain.raw?format=raw", bytes).isProblem(507, FULL);
        assertThat(root().resolve("plain.raw")).doesNotExist();
        client.octets("PUT", "/files/resumed.raw?format=raw", new byte[0], "Upload-Complete", "?0")
                .is(201);
        client.append("/files/resumed.raw", 0, bytes).isProblem(507, FULL);
        assertThat(root().resolve("resumed.raw")).doesNotExist();
        images.free();
        int offset = -1;
        for (JsonNode upload : client.get("/uploads").json()) {
            if (upload.path("name").asString().equals("resumed.raw")) {
                offset = upload.path("offset").asInt();
            }
        }
        assertThat(offset).isBetween(0, MIB);
        client.append("/files/resumed.raw", offset, Arrays.copyOfRange(bytes, offset, bytes.length))
                .is(201);
        assertThat(Files.readAllBytes(root().resolve("resumed.raw"))).isEqualTo(bytes);
        client.octets("PUT", "/files/plain.raw?format=raw", bytes).is(201);
        assertThat(Files.readAllBytes(root().resolve("plain.raw"))).isEqualTo(bytes);
    }

    @ParameterizedTest
    @ValueSource(strings = {"full", "falloc"})
    void aVolumeThatDoesNotFitIsNotThere(String preallocation) throws IOException {
        images.leave(MIB);
        String wanted = "{'virtual-size': '4M', 'preallocation': '" + preallocation + "'}";
        client.json("PUT", "/volumes/vm/new.qcow2", wanted).isProblem(507, FULL);
        assertThat(files()).isEmpty();
        assertThat(root().resolve("vm")).doesNotExist();
        images.free();
        client.json("PUT", "/volumes/vm/new.qcow2", wanted).is(201);
        assertThat(QemuTools.check(root().resolve("vm/new.qcow2")).clean()).isTrue();
    }

    /** What needs the catalogue is refused, all else goes on, and what was answered is known after a kill. */
    @Test
    void aCatalogueWithoutSpace() throws IOException {
        createVolume("kept.qcow2", "'virtual-size': '1M'");
        createVolume("more.qcow2", "'virtual-size': '1M'");
        createVolume("other.qcow2", "'virtual-size': '1M'");
        open("kept");
        data.leave(0);
        // What is written first may find room in the database's file.
        while (client.json("POST", "/drives", "{'file': 'more.qcow2', 'id': 'more'}")
                                .status()
                        == 201
                && client.delete("/drives/more").status() == 204) {
            data.leave(0);
        }
        for (int i = 0; i < 10; i++) {
            client.json("POST", "/drives", "{'file': 'other.qcow2', 'id': 'other'}")
                    .isProblem(503, "unavailable");
            client.json("POST", "/jobs", "{'type': 'check', 'file': 'other.qcow2'}")
                    .isProblem(503, "unavailable");
        }
        byte[] bytes = RandomData.bytes(random, 4096);
        client.write("kept", 0, bytes, true).is(200);
        assertThat(client.read("kept", 0, bytes.length)).isEqualTo(bytes);
        data.free();
        if (client.get("/drives/more").status() == 404) {
            open("more");
        }
        open("other");
        client.delete("/drives/other").is(204);
        client.start("{'type': 'check', 'file': 'other.qcow2', 'id': 'noted'}");
        client.ended("noted");
        service.kill();
        client.close();
        service = startService();
        client = new ServiceClient(service.port());
        assertThat(client.get("/drives").json())
                .extracting(drive -> drive.path("id").asString())
                .containsExactly("kept", "more");
        assertThat(client.get("/jobs/noted").json().path("state").asString()).isEqualTo("completed");
        assertThat(client.read("kept", 0, bytes.length)).isEqualTo(bytes);
    }

    private static void createVolume(String name, String options) throws IOException {
        client.json("PUT", "/volumes/" + name, "{" + options + "}").is(201);
    }

    private static void open(String id) throws IOException {
        client.json("POST", "/drives", "{'id': '" + id + "', 'file': '" + id + ".qcow2'}")
                .is(201);
    }

    private static void requireSame(String volume, String format, Path raw) {
        assertThat(QemuTools.compare(root().resolve(volume), format, raw, "raw").out())
                .contains("Images are identical.");
    }

    private static List<String> files() throws IOException {
        try (Stream<Path> files = Files.walk(root())) {
            return files.filter(Files::isRegularFile)
                    .map(file -> root().relativize(file).toString())
                    .toList();
        }
    }
}
