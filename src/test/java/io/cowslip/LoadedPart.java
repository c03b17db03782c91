package io.cowslip;

import io.cowslip.testing.ModelDisk;
import io.cowslip.testing.RandomData;
import io.cowslip.testing.ServiceClient;
import io.cowslip.testing.ServiceClient.Answer;
import java.io.IOException;
import java.util.SplittableRandom;

/** A client at work on a part of a disk that it has alone, until the service ends. It knows what was acknowledged. */
final class LoadedPart {
    private static final int CLUSTER_BYTES = 4096;

    private final String drive;
    private final int start;
    private final ModelDisk model;
    private final SplittableRandom random;
    private boolean endsInOrder;
    private int acknowledged;

    LoadedPart(String drive, int start, int lengthBytes, SplittableRandom random) {
        this.drive = drive;
        this.start = start;
        this.model = ModelDisk.ofZeros(lengthBytes);
        this.random = random;
    }

    /** From now on what was acknowledged is not lost, flushed or not. */
    void expectOrderlyEnd() {
        endsInOrder = true;
    }

    /** How many requests were. */
    int acknowledged() {
        return acknowledged;
    }

    /** Sends requests until the service ends, which answers none of them or refuses the last. */
    void work(int port) {
        try (ServiceClient client = new ServiceClient(port)) {
            while (step(client)) {
                acknowledged++;
            }
        } catch (IOException ended) {
            // What was under way may be there or not, in part too, as the model has it.
        }
    }

    private boolean step(ServiceClient client) throws IOException {
        boolean flush = random.nextInt(4) == 0;
        int choice = random.nextInt(8);
        Answer answer;
        if (choice < 5) {
            int length = 512 * random.nextInt(1, 96);
            int offset = 512 * random.nextInt((model.sizeBytes() - length) / 512 + 1);
            byte[] bytes = RandomData.bytes(random, length);
            model.write(offset, bytes);
            answer = client.write(drive, start + offset, bytes, flush);
        } else if (choice < 7) {
            int length = CLUSTER_BYTES * random.nextInt(1, 24);
            int offset = CLUSTER_BYTES * random.nextInt((model.sizeBytes() - length) / CLUSTER_BYTES + 1);
            model.zero(offset, length);
            answer = operation(
                    client,
                    "{'op': '" + (choice == 5 ? "zero" : "discard") + "', 'offset': " + (start + offset) + ", 'size': "
                            + length + ", 'flush': " + flush + "}");
        } else {
            flush = true;
            answer = operation(client, "{'op': 'flush'}");
        }
        if (answer.status() == 503) {
            return false;
        }
        answer.is(200);
        if (flush || endsInOrder) {
            model.flushed();
        }
        return true;
    }

    private Answer operation(ServiceClient client, String body) throws IOException {
        return client.json("PATCH", "/drives/" + drive + "/data", body);
    }

    /** Everything flushed is there, and the rest old or new; what is there now is known from here on. */
    void judge(ServiceClient client) throws IOException {
        byte[] found = client.read(drive, start, model.sizeBytes());
        model.whatCrashForbids(0, found).ifPresent(fault -> {
            throw new AssertionError(drive + " from " + start + " on: " + fault);
        });
        model.write(0, found);
        model.flushed();
    }
}
