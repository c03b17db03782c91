package io.cowslip.web.job;

import io.cowslip.drive.registry.DriveRegistry;
import io.cowslip.drive.volume.Volumes;
import io.cowslip.job.JobRequest;
import io.cowslip.job.JobResult;
import io.cowslip.job.JobTexts;
import io.cowslip.job.StoredRequest;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ObjectNode;

/** Requests for jobs, and what comes of these, as JSON. */
public final class JobJson implements JobTexts {
    private final DriveRegistry registry;
    private final Volumes volumes;
    private final JsonMapper json;

    JobJson(DriveRegistry registry, Volumes volumes, JsonMapper json) {
        this.registry = registry;
        this.volumes = volumes;
        this.json = json;
    }

    NewJob read(ObjectNode request) {
        return json.treeToValue(request, NewJob.form(request.path("type")));
    }

    /** What a request asks for, with the service's defaults where it says nothing. */
    JobRequest wanted(NewJob request) {
        return request.request(registry.defaults());
    }

    /** A request as it is kept. */
    public static StoredRequest stored(ObjectNode request) {
        ObjectNode kept = request.deepCopy();
        boolean secrets = SecretMembers.takeFrom(kept);
        return new StoredRequest(kept.toString(), !secrets);
    }

    @Override
    public JobRequest request(String text) {
        return wanted(read((ObjectNode) json.readTree(text)));
    }

    @Override
    public String result(JobResult result) {
        return json.writeValueAsString(JobBody.result(result, volumes));
    }

    @Override
    public String problem(Exception failure) {
        return json.writeValueAsString(JobBody.problem(failure, volumes));
    }
}
