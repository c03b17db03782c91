package io.cowslip.web.job;

import static org.assertj.core.api.Assertions.assertThat;

import io.cowslip.engine.image.options.Secret;
import io.cowslip.web.json.JsonDriveOptionsTest;
import java.lang.reflect.RecordComponent;
import java.util.HashSet;
import java.util.Locale;
import java.util.Set;
import org.junit.jupiter.api.Test;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ObjectNode;

class SecretMembersTest {
    private static final JsonMapper JSON = JsonDriveOptionsTest.mapper();

    @Test
    void passphrasesAreTakenOutAtAnyDepth() {
        ObjectNode request = (ObjectNode) JSON.readTree("""
                {"type": "convert", "options": {"encrypt": {"key-secret": "a"}, "backing": {"encrypt": {"key-secret": "b"}}},
                 "list": [{"new-secret": "c"}], "target": {"encrypt": {"key-secret-file": "kept"}}}""");
        assertThat(SecretMembers.takeFrom(request)).isTrue();
        assertThat(request).isEqualTo(JSON.readTree("""
                {"type": "convert", "options": {"encrypt": {}, "backing": {"encrypt": {}}},
                 "list": [{}], "target": {"encrypt": {"key-secret-file": "kept"}}}"""));
        assertThat(SecretMembers.takeFrom(request)).isFalse();
    }

    /** Whoever gives a request another passphrase is reminded of the catalogue, which must not get it. */
    @Test
    void everyPassphraseOfEveryJobIsKnownByName() {
        Set<String> names = new HashSet<>();
        NewJob.FORMS.values().forEach(form -> collect(form, names, new HashSet<>()));
        assertThat(names).isNotEmpty().isSubsetOf(SecretMembers.NAMES);
    }

    private static void collect(Class<?> type, Set<String> names, Set<Class<?>> seen) {
        if (!type.isRecord() || !seen.add(type)) {
            return;
        }
        for (RecordComponent component : type.getRecordComponents()) {
            if (component.getType() == Secret.class) {
                names.add(component.getName().replaceAll("([A-Z])", "-$1").toLowerCase(Locale.ROOT));
            }
            collect(component.getType(), names, seen);
        }
    }
}
