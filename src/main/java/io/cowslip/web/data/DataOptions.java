package io.cowslip.web.data;

import io.cowslip.web.server.WebProperties;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.springframework.http.HttpMethod;
import org.springframework.http.ResponseEntity;

/** OPTIONS of a disk's bytes. */
final class DataOptions {
    private final WebProperties properties;

    DataOptions(WebProperties properties) {
        this.properties = properties;
    }

    /** @param unixSocket where clients of this host should rather go, or null */
    ResponseEntity<DataFeatures> answer(boolean readable, boolean writable, @Nullable String unixSocket) {
        List<HttpMethod> methods = new ArrayList<>(List.of(HttpMethod.OPTIONS));
        List<String> features = new ArrayList<>();
        if (readable) {
            methods.addAll(List.of(HttpMethod.HEAD, HttpMethod.GET));
            features.add("extents");
        }
        if (writable) {
            methods.addAll(List.of(HttpMethod.PUT, HttpMethod.PATCH));
            features.addAll(List.of("zero", "flush", "discard"));
        }
        if (readable) {
            features.add("checksum");
        }
        ResponseEntity.BodyBuilder answer = ResponseEntity.ok().allow(methods.toArray(HttpMethod[]::new));
        if (writable) {
            answer.header("Accept-Patch", DataPatches.ACCEPTED);
        }
        return answer.body(new DataFeatures(features, properties.maxReaders(), properties.maxWriters(), unixSocket));
    }
}
