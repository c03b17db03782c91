package io.cowslip.testing;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/** Speaks to a {@link ServiceProcess}. Any thread; who is cut off by the service's end gets an {@link IOException}. */
public final class ServiceClient implements AutoCloseable {
    private static final Duration LIMIT = Duration.ofMinutes(2);
    private static final String JSON = "application/json";
    private static final String OCTETS = "application/octet-stream";

    private final HttpClient client = HttpClient.newBuilder()
            .version(HttpClient.Version.HTTP_1_1)
            .connectTimeout(LIMIT)
            .build();
    private final URI address;

    public ServiceClient(int port) {
        address = URI.create("http://127.0.0.1:" + port);
    }

    /** What was answered. */
    public record Answer(int status, byte[] body) {
        public String text() {
            return new String(body, StandardCharsets.UTF_8);
        }

        public JsonNode json() {
            return JsonMapper.shared().readTree(body);
        }

        /** Insists on a status. */
        public Answer is(int wanted) {
            assertThat(status).as(text()).isEqualTo(wanted);
            return this;
        }

        /** Insists on a problem of this kind. */
        public Answer isProblem(int wanted, String type) {
            is(wanted);
            assertThat(json().path("type").asString()).isEqualTo("/problems/" + type);
            return this;
        }
    }

    public Answer get(String path) throws IOException {
        return send(request(path).GET());
    }

    public Answer delete(String path) throws IOException {
        return send(request(path).DELETE());
    }

    /** Sends JSON, in which ' stands for ". */
    public Answer json(String method, String path, String body) throws IOException {
        return send(request(path)
                .header("Content-Type", JSON)
                .method(method, BodyPublishers.ofString(body.replace('\'', '"'))));
    }

    /** Sends bytes, with more headers as names and values. */
    public Answer octets(String method, String path, byte[] body, String... headers) throws IOException {
        HttpRequest.Builder request =
                request(path).header("Content-Type", OCTETS).method(method, BodyPublishers.ofByteArray(body));
        if (headers.length > 0) {
            request.headers(headers);
        }
        return send(request);
    }

    /** Sends the rest of an upload, from an offset on. */
    public Answer append(String path, long offset, byte[] rest) throws IOException {
        return send(request(path)
                .header("Content-Type", "application/partial-upload")
                .header("Upload-Offset", Long.toString(offset))
                .header("Upload-Complete", "?1")
                .method("PATCH", BodyPublishers.ofByteArray(rest)));
    }

    /** Writes to a drive's disk. */
    public Answer write(String drive, long offset, byte[] bytes, boolean flush) throws IOException {
        return octets(
                "PUT",
                "/drives/" + drive + "/data?flush=" + (flush ? "y" : "n"),
                bytes,
                "Content-Range",
                "bytes " + offset + "-" + (offset + bytes.length - 1) + "/*");
    }

    public byte[] read(String drive, long offset, int length) throws IOException {
        return send(request("/drives/" + drive + "/data")
                        .header("Range", "bytes=" + offset + "-" + (offset + length - 1))
                        .GET())
                .is(206)
                .body();
    }

    /** Starts a job; returns its path. */
    public String start(String job) throws IOException {
        return json("POST", "/jobs", job).is(202).json().path("id").asString();
    }

    /** A job once it has ended. */
    public JsonNode ended(String job) throws IOException {
        Instant deadline = Instant.now().plus(LIMIT);
        while (Instant.now().isBefore(deadline)) {
            JsonNode now = get("/jobs/" + job).is(200).json();
            if (!List.of("queued", "running").contains(now.path("state").asString())) {
                return now;
            }
        }
        throw new AssertionError("job " + job + " does not end");
    }

    private HttpRequest.Builder request(String path) {
        return HttpRequest.newBuilder(address.resolve(path)).timeout(LIMIT);
    }

    private Answer send(HttpRequest.Builder request) throws IOException {
        try {
            HttpResponse<byte[]> answer = client.send(request.build(), BodyHandlers.ofByteArray());
            return new Answer(answer.statusCode(), answer.body());
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new IllegalStateException(e);
        }
    }

    @Override
    public void close() {
        client.shutdownNow();
    }
}
