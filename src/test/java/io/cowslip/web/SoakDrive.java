package io.cowslip.web;

import static io.restassured.RestAssured.given;
import static org.assertj.core.api.Assertions.assertThat;

import io.cowslip.testing.EncryptedImages;
import io.cowslip.testing.ImageAssertions;
import io.cowslip.testing.QemuTools;
import io.restassured.response.Response;
import java.io.IOException;
import java.net.http.HttpResponse;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.SplittableRandom;
import java.util.concurrent.Callable;

/**
 * A drive of a soak, and what its disk holds. Each of its writers has every second region for itself, and knows all of its
 * bytes.
 */
final class SoakDrive {
    static final int WRITERS = 2;
    static final int DISK_BYTES = 16 << 20;

    private static final int REGION_BYTES = 128 << 10;
    private static final int LONGEST_BYTES = 64 << 10;
    private static final String FOLDER = "soak/";

    private final String id;
    private final String openOptions;
    private final boolean external;
    private final byte[] content = new byte[DISK_BYTES];

    private SoakDrive(String id, String openOptions, boolean external) {
        this.id = id;
        this.openOptions = openOptions;
        this.external = external;
    }

    /** One of each kind, open. */
    static List<SoakDrive> create() throws IOException {
        List<SoakDrive> drives = List.of(
                made("plain", "", ""),
                made("small", "'cluster-size': '4K'", "'l2-cache-entry-size': 512, 'l2-cache-size': '8K'"),
                made("subclusters", "'extended-l2': true", "'l2-cache-entry-size': 4096"),
                made("lazy", "'lazy-refcounts': true", "'detect-zeroes': 'unmap'"),
                made("zstd", "'compression-type': 'zstd'", "'compress': true"),
                made("external", "'data-file': 'external.data', 'data-file-raw': true", ""),
                chain(),
                encrypted());
        drives.forEach(SoakDrive::open);
        return drives;
    }

    private static SoakDrive made(String id, String createOptions, String openOptions) {
        RunningService.file(FOLDER + "external.data");
        create(id, "'virtual-size': " + DISK_BYTES + (createOptions.isEmpty() ? "" : ", " + createOptions));
        return new SoakDrive(id, openOptions, id.equals("external"));
    }

    private static void create(String id, String options) {
        RunningService.file(FOLDER + id + ".qcow2");
        Response made =
                RunningService.json("{" + options.replace('\'', '"') + "}").put("/volumes/" + FOLDER + id + ".qcow2");
        assertThat(made.statusCode()).as(made.asString()).isEqualTo(201);
    }

    /** Over an overlay with compressed clusters, over a raw disk that ends before both. */
    private static SoakDrive chain() throws IOException {
        SoakDrive drive = new SoakDrive("chain", "", false);
        Arrays.fill(drive.content, 0, DISK_BYTES / 2, (byte) 7);
        Files.write(RunningService.file(FOLDER + "base.raw"), Arrays.copyOf(drive.content, DISK_BYTES / 2));
        Path middle =
                QemuTools.createOver(RunningService.file(FOLDER + "middle.qcow2"), "base.raw", "raw", DISK_BYTES, "");
        QemuTools.edit(middle, "write -c -P 3 1M 1M", "write -P 4 12M 1M");
        Arrays.fill(drive.content, 1 << 20, 2 << 20, (byte) 3);
        Arrays.fill(drive.content, 12 << 20, 13 << 20, (byte) 4);
        create("chain", "'backing-file': 'middle.qcow2', 'backing-format': 'qcow2'");
        return drive;
    }

    private static SoakDrive encrypted() throws IOException {
        EncryptedImages.make(RunningService.file(FOLDER + "luks.qcow2"), DISK_BYTES);
        return new SoakDrive("luks", "'encrypt': {'key-secret': '" + EncryptedImages.PASSPHRASE + "'}", false);
    }

    String id() {
        return id;
    }

    String volume() {
        return FOLDER + id + ".qcow2";
    }

    /** The options that its image is opened with, each preceded by a comma. */
    String options() {
        return openOptions.isEmpty() ? "" : ", " + openOptions.replace('\'', '"');
    }

    String openRequest() {
        return "{\"id\": \"" + id + "\", \"file\": \"" + volume() + "\"" + options() + "}";
    }

    boolean hasSnapshots() {
        return !external && !id.equals("luks");
    }

    void open() {
        Response opened = RunningService.json(openRequest()).post("/drives");
        assertThat(opened.statusCode()).as(opened.asString()).isEqualTo(201);
    }

    /** Writes, and reads what it wrote, until the soak ends. */
    Callable<Void> writer(int number, SoakClient http, SplittableRandom random) {
        return () -> {
            while (http.goesOn()) {
                int region = (random.nextInt(DISK_BYTES / REGION_BYTES / WRITERS) * WRITERS + number) * REGION_BYTES;
                int length = random.nextInt(1, LONGEST_BYTES);
                int offset = region + random.nextInt(REGION_BYTES - length);
                switch (random.nextInt(10)) {
                    case 0 -> zero(http, offset, length);
                    case 1 -> discard(http, region);
                    case 2 -> http.did("flush", "PATCH", data(), "{\"op\": \"flush\"}");
                    case 3, 4, 5 -> write(http, random, offset, length);
                    default -> read(http, region, random.nextInt(1, REGION_BYTES));
                }
            }
            return null;
        };
    }

    private String data() {
        return "/drives/" + id + "/data";
    }

    private void write(SoakClient http, SplittableRandom random, int offset, int length) throws Exception {
        byte[] bytes = new byte[length];
        random.nextBytes(bytes);
        if (random.nextBoolean()) {
            // Halves that can be compressed, and wholes that cannot.
            Arrays.fill(bytes, 0, length / 2, (byte) random.nextInt());
        }
        boolean patch = random.nextBoolean();
        HttpResponse<byte[]> answer = http.send(
                patch ? "patch" : "put",
                patch ? "PATCH" : "PUT",
                data() + "?flush=" + (random.nextInt(4) == 0 ? "y" : "n"),
                RunningService.OCTETS,
                bytes,
                "Content-Range",
                "bytes " + offset + "-" + (offset + length - 1) + "/*");
        if (SoakClient.isDone(answer)) {
            System.arraycopy(bytes, 0, content, offset, length);
            http.counts().add("bytes written", length);
        }
    }

    private void zero(SoakClient http, int offset, int length) throws Exception {
        if (http.did("zero", "PATCH", data(), operation("zero", offset, length))) {
            Arrays.fill(content, offset, offset + length, (byte) 0);
        }
    }

    /** Whole clusters, whatever their size. */
    private void discard(SoakClient http, int region) throws Exception {
        if (http.did("discard", "PATCH", data(), operation("discard", region, REGION_BYTES))) {
            Arrays.fill(content, region, region + REGION_BYTES, (byte) 0);
        }
    }

    private static String operation(String name, int offset, int length) {
        return "{\"op\": \"" + name + "\", \"offset\": " + offset + ", \"size\": " + length + "}";
    }

    private void read(SoakClient http, int offset, int length) throws Exception {
        HttpResponse<byte[]> answer = http.send(
                "get", "GET", data(), "", new byte[0], "Range", "bytes=" + offset + "-" + (offset + length - 1));
        if (SoakClient.isDone(answer)) {
            requireSame(answer.body(), offset, length);
            http.counts().add("bytes read", length);
        }
    }

    private void requireSame(byte[] read, int offset, int length) {
        int difference = Arrays.mismatch(read, 0, read.length, content, offset, offset + length);
        if (difference >= 0) {
            throw new AssertionError(id + " reads other than it was written at " + (offset + difference));
        }
    }

    /** The whole disk is what was written. No writer is at it. */
    void verify() {
        byte[] disk = given().header("Range", "bytes=0-" + (DISK_BYTES - 1))
                .get(data())
                .then()
                .statusCode(206)
                .extract()
                .asByteArray();
        requireSame(disk, 0, DISK_BYTES);
    }

    /** The file is sound, and QEMU reads the same from it. The drive is closed. */
    void verifyFile() throws IOException {
        Path image = RunningService.root().resolve(volume());
        if (id.equals("luks")) {
            // QEMU takes seconds for the key, and what it reads is held to ours elsewhere.
            return;
        }
        if (external) {
            Path data = RunningService.root().resolve(FOLDER + "external.data");
            // QEMU takes a relative name in a header for one of its working directory's.
            QemuTools.img(
                            "check",
                            "--image-opts",
                            "driver=qcow2,file.filename=" + image + ",data-file.filename=" + data)
                    .succeeded();
            requireSame(Arrays.copyOf(Files.readAllBytes(data), DISK_BYTES), 0, DISK_BYTES);
            return;
        }
        ImageAssertions.assertThat(image).passesQemuCheck();
        Path raw = RunningService.file(FOLDER + "read.raw");
        QemuTools.convert(image, "qcow2", raw, "raw");
        requireSame(Arrays.copyOf(Files.readAllBytes(raw), DISK_BYTES), 0, DISK_BYTES);
        Files.deleteIfExists(raw);
    }
}
