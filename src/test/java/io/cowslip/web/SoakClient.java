package io.cowslip.web;

import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublisher;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.Set;

/** Requests of a soak: each is answered as it should be, or because its drive is being closed and opened again. */
final class SoakClient {
    private static final Set<Integer> CLOSED = Set.of(404, 409);

    /** What reads a whole disk may find its end gone. */
    private static final int CUT = 416;

    private static final Duration LIMIT = Duration.ofMinutes(10);

    private final HttpClient client;
    private final int port;
    private final SoakCounts counts;
    private final long endNanos;
    private volatile boolean stopped;

    SoakClient(HttpClient client, int port, SoakCounts counts, long endNanos) {
        this.client = client;
        this.port = port;
        this.counts = counts;
        this.endNanos = endNanos;
    }

    SoakCounts counts() {
        return counts;
    }

    boolean goesOn() {
        return !stopped && System.nanoTime() < endNanos;
    }

    /** Somebody has failed. */
    void stop() {
        stopped = true;
    }

    /** The answer; an empty one of status 404 or 409 where the drive was not there. */
    HttpResponse<byte[]> send(
            String what, String method, String path, String contentType, byte[] body, String... headers)
            throws IOException, InterruptedException {
        BodyPublisher publisher = body.length == 0 ? BodyPublishers.noBody() : BodyPublishers.ofByteArray(body);
        HttpRequest.Builder request = HttpRequest.newBuilder(URI.create("http://127.0.0.1:" + port + path))
                .timeout(LIMIT)
                .method(method, publisher);
        if (!contentType.isEmpty()) {
            request.header("Content-Type", contentType);
        }
        if (headers.length > 0) {
            request.headers(headers);
        }
        HttpResponse<byte[]> answer = client.send(request.build(), BodyHandlers.ofByteArray());
        int status = answer.statusCode();
        if (status >= 200 && status < 300) {
            counts.done(what);
        } else if (CLOSED.contains(status) || (status == CUT && what.equals("checksum"))) {
            counts.done(what + " refused");
        } else {
            throw new AssertionError(what + ": " + method + " " + path + " answers " + status + " "
                    + new String(answer.body(), StandardCharsets.UTF_8));
        }
        return answer;
    }

    /** Whether a request with a JSON body, or none, was done. */
    boolean did(String what, String method, String path, String json) throws IOException, InterruptedException {
        return isDone(send(
                what, method, path, json.isEmpty() ? "" : "application/json", json.getBytes(StandardCharsets.UTF_8)));
    }

    /** What a GET answers, whatever that is. */
    HttpResponse<byte[]> sendWhatever(String path) throws IOException, InterruptedException {
        counts.done("ticket used");
        return client.send(
                HttpRequest.newBuilder(URI.create("http://127.0.0.1:" + port + path))
                        .timeout(LIMIT)
                        .build(),
                BodyHandlers.ofByteArray());
    }

    static boolean isDone(HttpResponse<?> answer) {
        return answer.statusCode() < 300;
    }
}
