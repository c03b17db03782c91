package io.cowslip.web;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import io.cowslip.Cowslip;
import io.cowslip.testing.NeedsQemu;
import io.cowslip.testing.RepeatedTable;
import io.restassured.path.json.JsonPath;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.net.Socket;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.KeyStore;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.concurrent.CompletableFuture;
import javax.net.ssl.SSLContext;
import javax.net.ssl.TrustManagerFactory;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.springframework.boot.SpringApplication;
import org.springframework.context.ConfigurableApplicationContext;

/** The data over TLS: records are joined and split on the way, and every byte must be where it was. */
@Timeout(120)
class TlsTest {
    static final String PASSWORD = "changeit";
    private static final int MIB = 1 << 20;

    @TempDir
    static Path temporary;

    private static ConfigurableApplicationContext service;
    private static HttpClient client;

    @BeforeAll
    static void start() throws Exception {
        Path keys = temporary.resolve("keys.p12");
        makeKeys(keys);
        service = SpringApplication.run(
                Cowslip.class,
                "--server.port=0",
                "--cowslip.demo-image=false",
                "--cowslip.web.compressed-downloads=1",
                "--cowslip.image-root=" + temporary.resolve("images"),
                "--server.ssl.key-store=" + keys,
                "--server.ssl.key-store-password=" + PASSWORD);
        client = HttpClient.newBuilder().sslContext(trusting(keys)).build();
        openDisk();
    }

    @AfterAll
    static void stop() {
        client.close();
        service.close();
    }

    static void makeKeys(Path keys) {
        Path keytool = Path.of(System.getProperty("java.home"), "bin", "keytool");
        try {
            Process process = new ProcessBuilder(
                            keytool.toString(),
                            "-genkeypair",
                            "-keyalg",
                            "EC",
                            "-alias",
                            "service",
                            "-dname",
                            "CN=localhost",
                            "-ext",
                            "san=ip:127.0.0.1",
                            "-keystore",
                            keys.toString(),
                            "-storepass",
                            PASSWORD)
                    .inheritIO()
                    .start();
            assertThat(process.waitFor()).isZero();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        } catch (InterruptedException e) {
            throw new AssertionError(e);
        }
    }

    private static void openDisk() throws IOException, InterruptedException {
        byte[] volume = "{\"virtual-size\": \"16M\"}".getBytes(StandardCharsets.UTF_8);
        assertThat(put("/volumes/disk.qcow2", "application/json", volume)).isEqualTo(201);
        HttpRequest open = HttpRequest.newBuilder(uri("/drives"))
                .header("Content-Type", "application/json")
                .POST(HttpRequest.BodyPublishers.ofString("{\"id\": \"disk\", \"file\": \"disk.qcow2\"}"))
                .build();
        assertThat(client.send(open, HttpResponse.BodyHandlers.discarding()).statusCode())
                .isEqualTo(201);
    }

    static SSLContext trusting(Path file) throws Exception {
        KeyStore keys = KeyStore.getInstance("PKCS12");
        try (InputStream in = Files.newInputStream(file)) {
            keys.load(in, PASSWORD.toCharArray());
        }
        KeyStore trusted = KeyStore.getInstance("PKCS12");
        trusted.load(null, null);
        trusted.setCertificateEntry("service", keys.getCertificate("service"));
        TrustManagerFactory trust = TrustManagerFactory.getInstance(TrustManagerFactory.getDefaultAlgorithm());
        trust.init(trusted);
        SSLContext context = SSLContext.getInstance("TLS");
        context.init(null, trust.getTrustManagers(), null);
        return context;
    }

    @Test
    @NeedsQemu
    void aClientThatHasGoneIsNotedBeforeItsDownloadBegins() throws Exception {
        RepeatedTable.make(temporary.resolve("images/long.qcow2"), 1L << 38);
        try (Socket connection = client.sslContext().getSocketFactory().createSocket("127.0.0.1", uri("/").getPort())) {
            connection
                    .getOutputStream()
                    .write("GET /files/long.qcow2?format=qcow2&compress=zstd HTTP/1.1\r\nHost: localhost\r\n\r\n"
                            .getBytes(StandardCharsets.US_ASCII));
            await().until(() -> compressedDownload() == 503);
        }
        await().atMost(Duration.ofSeconds(20)).until(() -> compressedDownload() == 200);
    }

    private static int compressedDownload() throws IOException, InterruptedException {
        HttpRequest download =
                HttpRequest.newBuilder(uri("/drives/disk/image?compress=zstd")).build();
        return client.send(download, HttpResponse.BodyHandlers.discarding()).statusCode();
    }

    @Test
    void whatIsWrittenIsRead() throws Exception {
        byte[] bytes = new byte[5 * MIB + 12_345];
        new Random(5).nextBytes(bytes);
        assertThat(put("/drives/disk/data?flush=n", RunningService.OCTETS, bytes))
                .isEqualTo(200);
        byte[] whole = get(null);
        assertThat(whole).hasSize(16 * MIB);
        assertThat(Arrays.copyOf(whole, bytes.length)).isEqualTo(bytes);
        for (int length : new int[] {1, 511, 16_384, 16_385, 131_072, 131_073, 3_000_001}) {
            assertThat(get("bytes=4321-" + (4321 + length - 1)))
                    .isEqualTo(Arrays.copyOfRange(bytes, 4321, 4321 + length));
        }
    }

    @Test
    void manyAtOnceGetTheirOwn() throws Exception {
        List<CompletableFuture<HttpResponse<byte[]>>> answers = new ArrayList<>();
        byte[] whole = new byte[16 * MIB];
        new Random(6).nextBytes(whole);
        assertThat(put("/drives/disk/data?flush=n", RunningService.OCTETS, whole))
                .isEqualTo(200);
        Random random = new Random(7);
        List<Integer> starts = random.ints(64, 0, 15 * MIB).boxed().toList();
        for (int start : starts) {
            answers.add(client.sendAsync(
                    HttpRequest.newBuilder(uri("/drives/disk/data"))
                            .header("Range", "bytes=" + start + "-" + (start + 99_999))
                            .build(),
                    HttpResponse.BodyHandlers.ofByteArray()));
        }
        for (int index = 0; index < starts.size(); index++) {
            assertThat(answers.get(index).join().body())
                    .isEqualTo(Arrays.copyOfRange(whole, starts.get(index), starts.get(index) + 100_000));
        }
    }

    @Test
    void aTicketOpensTheSame() throws Exception {
        byte[] bytes = new byte[3 * MIB];
        new Random(9).nextBytes(bytes);
        HttpRequest issue = HttpRequest.newBuilder(uri("/drives/disk/tickets"))
                .header("Content-Type", "application/json")
                .POST(HttpRequest.BodyPublishers.ofString("{\"ops\": [\"read\", \"write\"]}"))
                .build();
        String issued = client.send(issue, HttpResponse.BodyHandlers.ofString()).body();
        String image = JsonPath.from(issued).getString("transfer-url");
        assertThat(put(image + "?flush=n", RunningService.OCTETS, bytes)).isEqualTo(200);
        HttpRequest read = HttpRequest.newBuilder(uri(image))
                .header("Range", "bytes=1000-2999999")
                .build();
        HttpResponse<byte[]> answer = client.send(read, HttpResponse.BodyHandlers.ofByteArray());
        assertThat(answer.statusCode()).isEqualTo(206);
        assertThat(answer.body()).isEqualTo(Arrays.copyOfRange(bytes, 1000, 3_000_000));
    }

    private static int put(String path, String type, byte[] body) throws IOException, InterruptedException {
        HttpRequest put = HttpRequest.newBuilder(uri(path))
                .header("Content-Type", type)
                .PUT(HttpRequest.BodyPublishers.ofByteArray(body))
                .build();
        return client.send(put, HttpResponse.BodyHandlers.discarding()).statusCode();
    }

    private static byte[] get(@Nullable String range) throws IOException, InterruptedException {
        HttpRequest.Builder get = HttpRequest.newBuilder(uri("/drives/disk/data"));
        HttpRequest request =
                range == null ? get.build() : get.header("Range", range).build();
        return client.send(request, HttpResponse.BodyHandlers.ofByteArray()).body();
    }

    private static URI uri(String path) {
        return URI.create(
                "https://127.0.0.1:" + service.getEnvironment().getRequiredProperty("local.server.port") + path);
    }
}
