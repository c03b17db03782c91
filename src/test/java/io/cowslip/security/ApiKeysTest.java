package io.cowslip.security;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import io.cowslip.access.Caller;
import io.cowslip.access.Reach;
import io.cowslip.access.Scope;
import io.cowslip.security.AccessProperties.ApiKey;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.springframework.boot.context.properties.source.InvalidConfigurationPropertyValueException;

class ApiKeysTest {
    /** SHA-256 of "abc" and of nothing (FIPS 180-4's examples). */
    private static final String ABC = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

    private static final String NOTHING = "E3B0C44298FC1C149AFBF4C8996FB92427AE41E4649B934CA495991B7852B855";

    private static ApiKeys keys(String name, List<String> digests, Set<Scope> scopes, @Nullable List<String> prefixes) {
        return ApiKeys.of(Map.of(name, new ApiKey(digests, scopes, prefixes)));
    }

    private static void assertRefused(String part, Runnable configuration) {
        assertThatExceptionOfType(InvalidConfigurationPropertyValueException.class)
                .isThrownBy(configuration::run)
                .satisfies(refused -> assertThat(refused.getName()).endsWith(part));
    }

    @Test
    void aCallerIsFoundByItsKey() {
        ApiKeys keys = keys("backup", List.of(ABC, NOTHING), Set.of(Scope.READ), List.of("tenants/a"));

        Caller caller = new Caller("backup", Set.of(Scope.READ), Reach.beneath(List.of("tenants/a/")));
        assertThat(keys.find("abc")).isEqualTo(caller);
        assertThat(keys.find("")).isEqualTo(caller);
        assertThat(keys.find("abd")).isNull();
        assertThat(keys.find(ABC)).isNull();
    }

    @Test
    void withoutPrefixesItIsGoodEverywhereAndWithNoneNowhere() {
        assertThat(keys("a", List.of(ABC), Set.of(Scope.READ), null).find("abc"))
                .satisfies(caller -> assertThat(caller.reach()).isEqualTo(Reach.EVERYWHERE));
        assertThat(keys("a", List.of(ABC), Set.of(Scope.READ), List.of()).find("abc"))
                .satisfies(caller -> assertThat(caller.reach()).isEqualTo(Reach.NOWHERE));
    }

    @ParameterizedTest
    @ValueSource(strings = {"/srv", "../other", "a//b", "a/.hidden", ".", "", "a/\u0000"})
    void aPrefixThatIsNoFolderOfVolumesIsRefused(String prefix) {
        assertRefused(".prefixes", () -> keys("a", List.of(ABC), Set.of(Scope.READ), List.of(prefix)));
    }

    @Test
    void aKeyInThePlaceOfItsHashIsRefusedAndNotShown() {
        assertThatExceptionOfType(InvalidConfigurationPropertyValueException.class)
                .isThrownBy(() -> keys("a", List.of("my secret key"), Set.of(Scope.READ), null))
                .satisfies(refused -> assertThat(refused).asString().doesNotContain("my secret key"))
                .satisfies(refused -> assertThat(refused.getValue()).asString().doesNotContain("my secret key"));
    }

    @Test
    void whatIsMissingIsNamed() {
        assertRefused(".sha256", () -> keys("a", List.of(), Set.of(Scope.READ), null));
        assertRefused(".scopes", () -> keys("a", List.of(ABC), Set.of(), null));
        assertRefused("sha256", () -> keys("a b", List.of(ABC), Set.of(Scope.READ), null));
    }
}
