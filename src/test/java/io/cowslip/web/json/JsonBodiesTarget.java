package io.cowslip.web.json;

import io.cowslip.engine.image.options.ImageOptions;
import io.cowslip.web.problem.HttpRefusals;
import io.cowslip.web.volume.VolumeRequest;
import java.util.Arrays;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ObjectNode;

/** The JSON of options, new volumes and changes. The input's first byte says which one, the rest is the body. */
public final class JsonBodiesTarget {
    private static final JsonMapper JSON = JsonDriveOptionsTest.mapper();

    private JsonBodiesTarget() {}

    public static void fuzzerTestOneInput(byte[] input) {
        if (input.length == 0) {
            return;
        }
        byte[] body = Arrays.copyOfRange(input, 1, input.length);
        HttpRefusals.taken(() -> {
            switch (Byte.toUnsignedInt(input[0]) % 4) {
                case 0 -> options(body);
                case 1 -> volume(body);
                case 2 -> resize(body);
                default -> merge(body);
            }
        });
    }

    /** What is taken is written as it is, and read again. */
    private static void options(byte[] body) {
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

    /** A patch merged twice is a patch merged once. */
    private static void merge(byte[] body) {
        if (JSON.readTree(body) instanceof ObjectNode patch) {
            ObjectNode once = MergePatch.apply(JSON.createObjectNode(), patch);
            if (!MergePatch.apply(once.deepCopy(), patch).equals(once)) {
                throw new AssertionError(once + " is another one merged again");
            }
        }
    }
}
