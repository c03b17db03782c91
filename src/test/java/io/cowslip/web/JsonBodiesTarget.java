package io.cowslip.web;

import io.cowslip.engine.image.options.ImageOptions;
import java.util.Arrays;
import java.util.List;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ObjectNode;

/** The JSON bodies of requests. The input's first byte says which one, the rest is the body. */
public final class JsonBodiesTarget {
    private static final long DISK_BYTES = 1 << 30;
    private static final JsonMapper JSON = mapper();

    private JsonBodiesTarget() {}

    private static JsonMapper mapper() {
        JsonMapper.Builder builder = JsonMapper.builder();
        new WebConfiguration().strictKebabCase().customize(builder);
        return builder.build();
    }

    public static void fuzzerTestOneInput(byte[] input) {
        if (input.length == 0) {
            return;
        }
        byte[] body = Arrays.copyOfRange(input, 1, input.length);
        HttpRefusals.taken(() -> {
            switch (Byte.toUnsignedInt(input[0]) % 7) {
                case 0 -> operation(body);
                case 1 -> options(body);
                case 2 -> volume(body);
                case 3 -> resize(body);
                case 4 -> merge(body);
                case 5 -> job(body);
                default -> JSON.readValue(body, NewTicket.class);
            }
        });
    }

    private static void operation(byte[] body) {
        DataOperationRequest request = JSON.readValue(body, DataOperationRequest.class);
        if (request != null && request.on(DISK_BYTES) instanceof DataOperation.Zero zero) {
            requireOnDisk(zero.range());
        }
    }

    private static void requireOnDisk(ByteWindow window) {
        if (window.start() < 0 || window.length() < 0 || window.length() > DISK_BYTES - window.start()) {
            throw new AssertionError(window.toString());
        }
    }

    /** What is taken is written as it is, and read again. */
    private static void options(byte[] body) {
        JSON.readValue(body, OpenRequest.class);
        LayerOptions request = JSON.readValue(body, LayerOptions.class);
        if (request != null) {
            ImageOptions options = request.over(ImageOptions.defaults());
            JsonDriveOptions text = new JsonDriveOptions(JSON);
            if (!options.hasPassphrase() && !text.read(text.write(options)).equals(options)) {
                throw new AssertionError(options + " is read again as " + text.read(text.write(options)));
            }
        }
    }

    private static void volume(byte[] body) {
        VolumeRequest request = JSON.readValue(body, VolumeRequest.class);
        if (request != null) {
            request.options();
        }
    }

    private static void resize(byte[] body) {
        if (JSON.readTree(body) instanceof ObjectNode change) {
            ResizeRequest.takeFrom(change, JSON);
        }
    }

    private static void merge(byte[] body) {
        if (JSON.readTree(body) instanceof ObjectNode change) {
            JsonNode merged = MergePatch.apply(change.deepCopy(), change);
            List.of(merged);
        }
    }

    private static void job(byte[] body) {
        if (JSON.readTree(body) instanceof ObjectNode request) {
            NewJob job = JSON.treeToValue(request, NewJob.form(request.path("type")));
            if (job != null) {
                job.request(ImageOptions.defaults());
            }
        }
    }
}
