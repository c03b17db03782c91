package io.cowslip.web.job;

import java.util.Set;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.ObjectNode;

/** The members of requests that hold passphrases. */
final class SecretMembers {
    /** Their names, at any depth. Names of files that hold passphrases are none. */
    static final Set<String> NAMES = Set.of("key-secret", "new-secret");

    private SecretMembers() {}

    /** Takes all passphrases out of a request; whether there were any. */
    static boolean takeFrom(JsonNode node) {
        boolean taken = false;
        if (node instanceof ObjectNode object) {
            for (String name : NAMES) {
                taken |= object.has(name);
                object.remove(name);
            }
        }
        for (JsonNode below : node) {
            taken |= takeFrom(below);
        }
        return taken;
    }
}
