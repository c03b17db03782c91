package io.cowslip.web.json;

import com.fasterxml.jackson.annotation.JsonInclude;
import com.fasterxml.jackson.annotation.JsonProperty;
import io.cowslip.engine.ImageException;
import io.cowslip.engine.image.options.OverlapCheck;
import io.cowslip.web.problem.Refusal;
import io.swagger.v3.oas.annotations.media.Schema;
import java.util.HashMap;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * {@code overlap-check} and its parts, which stand among the other options of a layer.
 *
 * @param named {@code overlap-check}
 * @param template the same by QEMU's longer name
 * @param mainHeader and the others: whether to look out for one kind of metadata, whatever the template says
 */
@JsonInclude(JsonInclude.Include.NON_NULL)
public record OverlapCheckOptions(
        @JsonProperty(NAME)
        @Schema(
                description = ABOUT,
                allowableValues = {"none", "constant", "cached", "all"})
        @Nullable
        String named,

        @JsonProperty(TEMPLATE) @Schema(description = "The same as " + NAME) @Nullable
        String template,

        @JsonProperty(NAME + ".main-header") @Nullable Boolean mainHeader,
        @JsonProperty(NAME + ".active-l1") @Nullable Boolean activeL1,
        @JsonProperty(NAME + ".active-l2") @Nullable Boolean activeL2,
        @JsonProperty(NAME + ".refcount-table") @Nullable Boolean refcountTable,
        @JsonProperty(NAME + ".refcount-block") @Nullable Boolean refcountBlock,
        @JsonProperty(NAME + ".snapshot-table") @Nullable Boolean snapshotTable,
        @JsonProperty(NAME + ".inactive-l1") @Nullable Boolean inactiveL1,
        @JsonProperty(NAME + ".inactive-l2") @Nullable Boolean inactiveL2,
        @JsonProperty(NAME + ".bitmap-directory") @Nullable Boolean bitmapDirectory) {

    public static final String NAME = "overlap-check";
    public static final String TEMPLATE = NAME + ".template";

    private static final String ABOUT =
            "Which metadata is looked out for before anything is written: cached unless given, which is all but the L2"
                    + " tables of snapshots. The members " + NAME + ".main-header and so on add or take out one kind";

    static OverlapCheckOptions of(OverlapCheck check) {
        Map<String, Boolean> singles = check.singles();
        return new OverlapCheckOptions(
                check.template().wireName(),
                null,
                singles.get("main-header"),
                singles.get("active-l1"),
                singles.get("active-l2"),
                singles.get("refcount-table"),
                singles.get("refcount-block"),
                singles.get("snapshot-table"),
                singles.get("inactive-l1"),
                singles.get("inactive-l2"),
                singles.get("bitmap-directory"));
    }

    /** What these options say, or {@code otherwise} where they say nothing. */
    OverlapCheck over(OverlapCheck otherwise, String prefix) {
        Map<String, Boolean> singles = singles();
        if (named == null && template == null) {
            if (singles.isEmpty()) {
                return otherwise;
            }
            Map<String, Boolean> merged = new HashMap<>(otherwise.singles());
            merged.putAll(singles);
            return new OverlapCheck(otherwise.template(), merged);
        }
        try {
            return OverlapCheck.of(prefix + NAME, named, template, singles);
        } catch (ImageException refused) {
            throw Refusal.of(refused);
        }
    }

    private Map<String, Boolean> singles() {
        return OverlapCheck.singles(
                mainHeader,
                activeL1,
                activeL2,
                refcountTable,
                refcountBlock,
                snapshotTable,
                inactiveL1,
                inactiveL2,
                bitmapDirectory);
    }
}
