package io.cowslip.web.json;

import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.ObjectNode;

/** JSON merge patch (RFC 7396). */
public final class MergePatch {
    private MergePatch() {}

    /** {@code target} with {@code patch} merged in: null takes a member away, an object is merged, all else replaces. */
    public static ObjectNode apply(ObjectNode target, ObjectNode patch) {
        patch.properties().forEach(member -> {
            JsonNode value = member.getValue();
            if (value.isNull()) {
                target.remove(member.getKey());
            } else if (value instanceof ObjectNode change) {
                ObjectNode below =
                        target.get(member.getKey()) instanceof ObjectNode present ? present : target.objectNode();
                target.set(member.getKey(), apply(below, change));
            } else {
                target.set(member.getKey(), value);
            }
        });
        return target;
    }
}
