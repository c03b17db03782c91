package io.cowslip.web.job;

import io.cowslip.engine.image.options.ImageOptions;
import io.cowslip.web.json.JsonDriveOptionsTest;
import io.cowslip.web.problem.HttpRefusals;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ObjectNode;

/** The JSON of jobs. The input is the body. */
public final class JobBodiesTarget {
    private static final JsonMapper JSON = JsonDriveOptionsTest.mapper();

    private JobBodiesTarget() {}

    public static void fuzzerTestOneInput(byte[] input) {
        HttpRefusals.taken(() -> {
            if (JSON.readTree(input) instanceof ObjectNode request) {
                NewJob job = JSON.treeToValue(request, NewJob.form(request.path("type")));
                if (job != null) {
                    job.request(ImageOptions.defaults());
                }
            }
        });
    }
}
