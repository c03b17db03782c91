package io.cowslip.web.json;

import io.cowslip.drive.registry.DriveResize;
import io.cowslip.engine.ImageException;
import io.cowslip.engine.image.options.Preallocation;
import io.cowslip.web.problem.Refusal;
import io.swagger.v3.oas.annotations.media.Schema;
import java.util.List;
import org.jspecify.annotations.Nullable;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ObjectNode;

/**
 * Another size for a disk, with the names of {@code qemu-img resize}: what a change of a drive may say besides options,
 * and a job about a volume.
 *
 * @param virtualSize a multiple of 512
 * @param shrink whether the disk may lose what lies behind a smaller size
 * @param preallocation what of the part gained has its place in the file at once
 */
@Schema(name = "ResizeDrive")
public record ResizeRequest(
        @Nullable ByteSize virtualSize,
        @Schema(description = ABOUT_SHRINK) @Nullable Boolean shrink,
        @Schema(description = ABOUT_PREALLOCATION) @Nullable String preallocation) {

    /** Without any of its keys. */
    public static final ResizeRequest NOTHING = new ResizeRequest(null, null, null);

    private static final String VIRTUAL_SIZE = "virtual-size";
    private static final String SHRINK = "shrink";
    private static final String PREALLOCATION = "preallocation";

    private static final String ABOUT_SHRINK = "Must be true for a smaller size: what lies behind it is lost";

    private static final String ABOUT_PREALLOCATION =
            "What of the part gained has its place in the file at once: \"off\" unless given, \"metadata\", \"falloc\" or"
                    + " \"full\"";

    /** Takes these keys out of a change of a drive; null where none of them is there. */
    public static @Nullable DriveResize takeFrom(ObjectNode change, JsonMapper json) {
        ObjectNode own = json.createObjectNode();
        for (String key : List.of(VIRTUAL_SIZE, SHRINK, PREALLOCATION)) {
            JsonNode value = change.remove(key);
            if (value != null) {
                own.set(key, value);
            }
        }
        return own.isEmpty() ? null : json.treeToValue(own, ResizeRequest.class).resize();
    }

    /** What it asks for. Refused by the key at fault, such as where the size is missing. */
    public DriveResize resize() {
        if (virtualSize == null) {
            throw Refusal.ofOption(
                    VIRTUAL_SIZE, "virtual-size is missing; it is the size that the disk is to have, and never null");
        }
        return new DriveResize(virtualSize.bytes(), Boolean.TRUE.equals(shrink), places());
    }

    private Preallocation places() {
        try {
            return preallocation == null ? Preallocation.OFF : Preallocation.parse(PREALLOCATION, preallocation);
        } catch (ImageException refused) {
            throw Refusal.of(refused);
        }
    }
}
