package io.cowslip.web.upload;

import io.cowslip.drive.upload.UploadRules;
import io.cowslip.drive.work.Conversion.Target;
import io.cowslip.drive.work.Imports.Import;
import io.cowslip.web.data.DigestAlgorithm;
import io.cowslip.web.job.NewConversion;
import io.cowslip.web.job.NewImport;
import io.cowslip.web.json.Query;
import io.cowslip.web.problem.Refusal;
import jakarta.servlet.http.HttpServletRequest;
import java.util.Set;
import java.util.TreeSet;
import org.jspecify.annotations.Nullable;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.ObjectNode;

/**
 * The query of an upload: what the file must be, and what to make of it. Parameters that begin with {@code target.} are
 * the options of a conversion's target, with the same names and values as in JSON.
 */
final class UploadQuery {
    private static final String FORMAT = "format";
    private static final String BACKING_FILE = "backing-file";
    private static final String DATA_FILE = "data-file";
    private static final String TARGET = "target.";

    private final Query query;
    private final Set<String> targetOptions;
    private final JsonMapper json;

    private UploadQuery(Query query, Set<String> targetOptions, JsonMapper json) {
        this.query = query;
        this.targetOptions = targetOptions;
        this.json = json;
    }

    static UploadQuery of(HttpServletRequest request, JsonMapper json) {
        Set<String> target = new TreeSet<>();
        if (request.getQueryString() != null) {
            request.getParameterMap().keySet().stream()
                    .filter(name -> name.startsWith(TARGET))
                    .forEach(target::add);
        }
        Set<String> known = new TreeSet<>(target);
        known.addAll(Set.of(FORMAT, BACKING_FILE, DATA_FILE));
        return new UploadQuery(Query.of(request, known.toArray(String[]::new)), target, json);
    }

    /** What the file must be. */
    UploadRules rules() {
        return new UploadRules(NewImport.format(query.text(FORMAT)), query.text(BACKING_FILE), query.texts(DATA_FILE));
    }

    /** What to make of the file, as the volume {@code file}; null: nothing else than it is. */
    @Nullable
    Target target(String file) {
        ObjectNode options = targetOptions(file);
        return options == null
                ? null
                : json.treeToValue(options, NewConversion.Target.class).wanted();
    }

    /** The request for the job that makes a volume of the upload, as if it came by itself. */
    ObjectNode importRequest(Import work) {
        ObjectNode request = json.createObjectNode();
        request.put("type", NewImport.TYPE);
        request.put("upload", work.upload());
        request.put(FORMAT, query.text(FORMAT));
        request.put(BACKING_FILE, work.rules().backingFile());
        if (!work.rules().dataFiles().isEmpty()) {
            ArrayNode dataFiles = request.putArray(DATA_FILE);
            work.rules().dataFiles().forEach(dataFiles::add);
        }
        request.set("target", targetOptions(work.volume()));
        request.put(NewImport.REPR_DIGEST, DigestAlgorithm.header(work.digests()));
        return request;
    }

    private @Nullable ObjectNode targetOptions(String file) {
        if (targetOptions.isEmpty()) {
            return null;
        }
        ObjectNode options = json.createObjectNode();
        options.put("file", file);
        for (String name : targetOptions) {
            String key = name.substring(TARGET.length());
            if (key.equals("file") || key.equals("encrypt")) {
                throw Refusal.ofOption(
                        name,
                        key.equals("file")
                                ? "target.file is the path of the request"
                                : "no passphrase belongs in a URL: upload first, and start a job of type convert");
            }
            put(options, key, query.text(name, ""));
        }
        return options;
    }

    private static void put(ObjectNode options, String key, String value) {
        if (value.equals("true") || value.equals("false")) {
            options.put(key, Boolean.parseBoolean(value));
        } else if (value.matches("\\d{1,18}")) {
            options.put(key, Long.parseLong(value));
        } else {
            options.put(key, value);
        }
    }
}
