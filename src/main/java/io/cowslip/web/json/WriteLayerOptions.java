package io.cowslip.web.json;

import com.fasterxml.jackson.annotation.JsonInclude;
import com.fasterxml.jackson.annotation.JsonProperty;
import io.cowslip.engine.image.options.WriteOptions;
import io.cowslip.engine.image.options.WriteOptions.DetectZeroes;
import io.cowslip.web.problem.Refusal;
import io.swagger.v3.oas.annotations.media.Schema;
import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/**
 * What becomes of a guest's writes and of the space they leave behind: options that stand among the others of a layer.
 *
 * @param compress whether it is compressed
 * @param detectZeroes {@code off}, {@code on} or {@code unmap}
 * @param passDiscardRequest and the two after it: which space that is let go of is given back to the host
 * @param discardNoUnref whether discarded clusters keep their place
 */
@JsonInclude(JsonInclude.Include.NON_NULL)
public record WriteLayerOptions(
        @JsonProperty("compress") @Schema(description = ABOUT_COMPRESS) @Nullable
        Boolean compress,

        @JsonProperty(DETECT_ZEROES)
        @Schema(
                description = "What becomes of whole clusters of zeros that the guest writes as data: off unless given"
                        + " (data), on (zero clusters that keep their space), or unmap (their space is given back;"
                        + " needs discard unmap)",
                allowableValues = {"off", "on", "unmap"})
        @Nullable
        String detectZeroes,

        @JsonProperty("pass-discard-request")
        @Schema(
                description = "Whether the host gets the space back that the guest has discarded or zeroed: where"
                        + " discard is unmap, unless given")
        @Nullable
        Boolean passDiscardRequest,

        @JsonProperty("pass-discard-snapshot")
        @Schema(description = "The same for what only a deleted snapshot had: true unless given")
        @Nullable
        Boolean passDiscardSnapshot,

        @JsonProperty("pass-discard-other")
        @Schema(description = "The same for what was moved or written over: false unless given")
        @Nullable
        Boolean passDiscardOther,

        @JsonProperty("discard-no-unref")
        @Schema(
                description = "Whether a cluster that the guest discards keeps its place in the file, so that the file"
                        + " neither fragments nor grows when the guest writes there again; the host gets its space back"
                        + " as pass-discard-request says. false unless given. Version 3 only")
        @Nullable
        Boolean discardNoUnref) {

    private static final String DETECT_ZEROES = "detect-zeroes";

    static final String ABOUT_COMPRESS =
            "Whether what is written is compressed, as the image's compression type says: whole clusters always, zeros as"
                    + " zero clusters; a part of a cluster is merged with the rest and compressed, or written in place where"
                    + " the cluster has plain data of its own. Refused for raw and encrypted images and those with an"
                    + " external data file. False unless given";

    static WriteLayerOptions of(WriteOptions options) {
        return new WriteLayerOptions(
                options.compress(),
                options.detectZeroes().wireName(),
                options.passDiscardRequest(),
                options.passDiscardSnapshot(),
                options.passDiscardOther(),
                options.discardNoUnref());
    }

    /** What these options say, or {@code otherwise} where they say nothing. */
    WriteOptions over(WriteOptions otherwise, String prefix) {
        return new WriteOptions(
                compress == null ? otherwise.compress() : compress,
                detectZeroes == null ? otherwise.detectZeroes() : detection(prefix + DETECT_ZEROES, detectZeroes),
                passDiscardRequest == null ? otherwise.passDiscardRequest() : passDiscardRequest,
                passDiscardSnapshot == null ? otherwise.passDiscardSnapshot() : passDiscardSnapshot,
                passDiscardOther == null ? otherwise.passDiscardOther() : passDiscardOther,
                discardNoUnref == null ? otherwise.discardNoUnref() : discardNoUnref);
    }

    private static DetectZeroes detection(String option, String name) {
        return Arrays.stream(DetectZeroes.values())
                .filter(value -> value.wireName().equals(name))
                .findFirst()
                .orElseThrow(() -> Refusal.ofOption(
                        option, option + " is \"" + name + "\"; it may be \"off\", \"on\" or \"unmap\""));
    }
}
