package io.cowslip.web;

import static io.restassured.RestAssured.given;
import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse.BodyHandlers;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

/** Options change while readers and writers are at it, and none of them notices. */
class ReconfigureUnderLoadTest extends RunningService {
    private static final int WORKERS = 6;
    private static final int STRIPE = 2 * MIB;
    private static final List<String> SIZES = List.of("8K", "64K", "1M", "16K");

    @Test
    void noRequestFails() throws Exception {
        createAndOpen("busy", "load/busy.qcow2", WORKERS * 2 + "M");
        AtomicBoolean done = new AtomicBoolean();
        try (ExecutorService threads = Executors.newFixedThreadPool(WORKERS);
                HttpClient client = HttpClient.newHttpClient()) {
            List<Future<Integer>> workers = IntStream.range(0, WORKERS)
                    .mapToObj(worker -> threads.submit(stripe(client, worker, done)))
                    .toList();
            for (int round = 0; round < 40; round++) {
                json("{\"l2-cache-size\": \"" + SIZES.get(round % SIZES.size()) + "\", \"l2-cache-entry-size\": "
                                + (512 << round % 4) + ", \"cache-clean-interval\": " + round % 3 + "}")
                        .patch("/drives/busy")
                        .then()
                        .statusCode(200);
            }
            done.set(true);
            for (Future<Integer> worker : workers) {
                assertThat(worker.get()).isPositive();
            }
        }
        given().delete("/drives/busy").then().statusCode(204);
    }

    /** Writes and reads back one stripe of the disk, which nobody else touches, until told to end. */
    private Callable<Integer> stripe(HttpClient client, int worker, AtomicBoolean done) {
        return () -> {
            int rounds = 0;
            while (!done.get() || rounds == 0) {
                byte[] bytes = new byte[20_000];
                Arrays.fill(bytes, (byte) (rounds + worker));
                int start = worker * STRIPE + rounds * 7919 % (STRIPE - bytes.length);
                put(client, start, bytes);
                assertThat(get(client, start, bytes.length)).isEqualTo(bytes);
                rounds++;
            }
            return rounds;
        };
    }

    private void put(HttpClient client, int start, byte[] bytes) throws IOException, InterruptedException {
        HttpRequest request = HttpRequest.newBuilder(data("?flush=n"))
                .header("Content-Range", "bytes " + start + "-" + (start + bytes.length - 1) + "/*")
                .PUT(BodyPublishers.ofByteArray(bytes))
                .build();
        assertThat(client.send(request, BodyHandlers.ofString()).statusCode()).isEqualTo(200);
    }

    private byte[] get(HttpClient client, int start, int length) throws IOException, InterruptedException {
        HttpRequest request = HttpRequest.newBuilder(data(""))
                .header("Range", "bytes=" + start + "-" + (start + length - 1))
                .build();
        var response = client.send(request, BodyHandlers.ofByteArray());
        assertThat(response.statusCode()).isEqualTo(206);
        return response.body();
    }

    private URI data(String query) {
        return URI.create("http://127.0.0.1:" + port() + "/drives/busy/data" + query);
    }
}
