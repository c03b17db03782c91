package io.cowslip.web.data;

import io.cowslip.drive.registry.DriveLease;
import io.cowslip.web.json.Query;
import io.cowslip.web.problem.ProblemType;
import io.cowslip.web.problem.Refusal;
import jakarta.servlet.http.HttpServletRequest;
import java.io.IOException;
import java.io.InputStream;
import org.jspecify.annotations.Nullable;
import org.springframework.http.HttpHeaders;
import org.springframework.http.InvalidMediaTypeException;
import org.springframework.http.MediaType;
import tools.jackson.databind.json.JsonMapper;

/** PATCH of a disk's bytes: a write where the body is octets, an operation where it is JSON or says nothing. */
final class DataPatches {
    /** As Accept-Patch has it. */
    static final String ACCEPTED = DataHeaders.OCTET_STREAM + ", " + MediaType.APPLICATION_JSON_VALUE;

    private static final int MAX_JSON_BYTES = 65536;

    private final DataWrites writes;
    private final JsonMapper json;

    DataPatches(DataWrites writes, JsonMapper json) {
        this.writes = writes;
        this.json = json;
    }

    void apply(DriveLease lease, HttpServletRequest request) throws IOException {
        MediaType type = type(request.getContentType());
        if (type.equalsTypeAndSubtype(MediaType.APPLICATION_OCTET_STREAM)) {
            write(lease, request);
        } else if (type.equalsTypeAndSubtype(MediaType.APPLICATION_JSON)) {
            operate(lease, request);
        } else {
            throw unsupported(type.toString());
        }
    }

    private void write(DriveLease lease, HttpServletRequest request) throws IOException {
        boolean flush = Query.of(request, "flush").yes("flush", false);
        if (request.getHeader(HttpHeaders.CONTENT_RANGE) == null) {
            throw Refusal.of(
                    ProblemType.INVALID_RANGE,
                    "Content-Range is missing; it takes \"bytes first-last/*\" and says where");
        }
        writes.write(lease, request, flush);
    }

    private void operate(DriveLease lease, HttpServletRequest request) throws IOException {
        Query.of(request);
        DataWrites.refuseReadOnly(lease.image());
        Preconditions.checkChange(request, lease.dataVersion());
        byte[] body = read(request);
        if (body.length > MAX_JSON_BYTES) {
            throw Refusal.of(ProblemType.BODY_TOO_LARGE, "an operation takes at most " + MAX_JSON_BYTES + " bytes");
        }
        if (body.length == 0) {
            throw Refusal.of(ProblemType.UNREADABLE_JSON, "the body is empty; it takes {\"op\": \"zero\", ...}");
        }
        @Nullable DataOperationRequest operation = json.readValue(body, DataOperationRequest.class);
        if (operation == null) {
            throw Refusal.of(ProblemType.UNREADABLE_JSON, "the body is null; it takes {\"op\": \"zero\", ...}");
        }
        writes.apply(operation.on(lease.sizeBytes()), lease, request);
    }

    private static byte[] read(HttpServletRequest request) throws IOException {
        InputStream in = request.getInputStream();
        try {
            return in.readNBytes(MAX_JSON_BYTES + 1);
        } catch (IOException broken) {
            throw Refusal.brokenOff(broken);
        }
    }

    private static MediaType type(@Nullable String header) {
        if (header == null || header.isBlank()) {
            return MediaType.APPLICATION_JSON;
        }
        try {
            return MediaType.parseMediaType(header);
        } catch (InvalidMediaTypeException malformed) {
            Refusal refusal = unsupported(header);
            refusal.initCause(malformed);
            throw refusal;
        }
    }

    private static Refusal unsupported(String type) {
        return Refusal.of(
                        ProblemType.UNSUPPORTED_MEDIA_TYPE,
                        "Content-Type is \"" + type + "\"; PATCH takes " + ACCEPTED.replace(",", " or"))
                .with("Accept-Patch", ACCEPTED);
    }
}
