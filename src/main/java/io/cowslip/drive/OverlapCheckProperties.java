package io.cowslip.drive;

import io.cowslip.engine.ImageException;
import io.cowslip.engine.image.options.OverlapCheck;
import java.util.HashMap;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * {@code overlap-check} as properties have it: a template's name alone, or the parts.
 *
 * @param template What to look out for: none, constant, cached or all.
 * @param mainHeader Whether to look out for the header.
 * @param activeL1 Whether to look out for the L1 table.
 * @param activeL2 Whether to look out for L2 tables.
 * @param refcountTable Whether to look out for the refcount table.
 * @param refcountBlock Whether to look out for refcount blocks.
 * @param snapshotTable Whether to look out for the snapshot table.
 * @param inactiveL1 Whether to look out for snapshots' L1 tables.
 * @param inactiveL2 Whether to look out for snapshots' L2 tables.
 * @param bitmapDirectory Whether to look out for the bitmap directory.
 */
public record OverlapCheckProperties(
        OverlapCheck.@Nullable Template template,
        @Nullable Boolean mainHeader,
        @Nullable Boolean activeL1,
        @Nullable Boolean activeL2,
        @Nullable Boolean refcountTable,
        @Nullable Boolean refcountBlock,
        @Nullable Boolean snapshotTable,
        @Nullable Boolean inactiveL1,
        @Nullable Boolean inactiveL2,
        @Nullable Boolean bitmapDirectory) {

    /** Only a template. */
    static OverlapCheckProperties named(String template) throws ImageException {
        return new OverlapCheckProperties(
                OverlapCheck.of("overlap-check", template, null, Map.of()).template(),
                null,
                null,
                null,
                null,
                null,
                null,
                null,
                null,
                null);
    }

    OverlapCheck over(OverlapCheck otherwise) {
        Map<String, Boolean> singles = new HashMap<>(template == null ? otherwise.singles() : Map.of());
        singles.putAll(OverlapCheck.singles(
                mainHeader,
                activeL1,
                activeL2,
                refcountTable,
                refcountBlock,
                snapshotTable,
                inactiveL1,
                inactiveL2,
                bitmapDirectory));
        return new OverlapCheck(template == null ? otherwise.template() : template, singles);
    }
}
