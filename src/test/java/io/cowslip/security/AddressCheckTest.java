package io.cowslip.security;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.assertThatNoException;

import io.cowslip.Cowslip;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.springframework.beans.factory.support.DefaultListableBeanFactory;
import org.springframework.boot.SpringApplication;
import org.springframework.boot.context.properties.source.InvalidConfigurationPropertyValueException;
import org.springframework.boot.test.system.CapturedOutput;
import org.springframework.boot.test.system.OutputCaptureExtension;
import org.springframework.mock.env.MockEnvironment;

/** Where the service starts, and where it refuses to. */
class AddressCheckTest {
    private static final String DIGEST = "ab".repeat(32);
    private static final String KEY = "cowslip.security.api-keys.operator.sha256=" + DIGEST;
    private static final String ISSUER =
            "spring.security.oauth2.resourceserver.jwt.issuer-uri=https://login.example.org";
    private static final String AUDIENCE = "spring.security.oauth2.resourceserver.jwt.audiences=cowslip";

    private static void check(String... properties) {
        MockEnvironment environment = new MockEnvironment();
        for (String property : properties) {
            int equals = property.indexOf('=');
            environment.setProperty(property.substring(0, equals), property.substring(equals + 1));
        }
        new AddressCheck(environment).postProcessBeanFactory(new DefaultListableBeanFactory());
    }

    private static void assertRefused(String property, String... properties) {
        assertThatExceptionOfType(UnprotectedAddressException.class)
                .isThrownBy(() -> check(properties))
                .satisfies(refused -> assertThat(refused.property()).isEqualTo(property));
    }

    @ParameterizedTest
    @ValueSource(strings = {"127.0.0.1", "127.1.2.3", "localhost", "::1"})
    void loopbackNeedsNothing(String address) {
        assertThatNoException().isThrownBy(() -> check("server.address=" + address));
        assertThatNoException()
                .isThrownBy(() -> check(
                        "server.address=" + address,
                        "management.server.port=8081",
                        "management.server.address=" + address));
    }

    @ParameterizedTest
    @ValueSource(strings = {"0.0.0.0", "::", "192.0.2.1", "10.0.0.1", "2001:db8::1"})
    void anyOtherAddressIsRefused(String address) {
        assertRefused("server.address", "server.address=" + address);
        assertRefused(
                "management.server.address",
                "server.address=127.0.0.1",
                "management.server.port=8081",
                "management.server.address=" + address);
    }

    @Test
    void noAddressIsAllOfThem() {
        assertRefused("server.address");
        assertRefused("management.server.address", "server.address=127.0.0.1", "management.server.port=8081");
        assertRefused("management.server.address", "server.address=127.0.0.1", "management.server.port=0");
    }

    @Test
    void aManagementPortThatIsTheApisOrNoneListensNowhereElse() {
        assertThatNoException().isThrownBy(() -> check("server.address=::1", "management.server.port=8080"));
        assertThatNoException().isThrownBy(() -> check("server.address=::1", "management.server.port=-1"));
    }

    @Test
    void keysTokensOrAWaiverOpenIt() {
        assertThatNoException().isThrownBy(() -> check("server.address=0.0.0.0", KEY));
        assertThatNoException().isThrownBy(() -> check("server.address=0.0.0.0", ISSUER, AUDIENCE));
        assertThatNoException()
                .isThrownBy(() -> check("server.address=0.0.0.0", "cowslip.security.authentication=none"));
    }

    @Test
    void tokensOfAllAudiencesAreRefused() {
        assertThatExceptionOfType(InvalidConfigurationPropertyValueException.class)
                .isThrownBy(() -> check("server.address=127.0.0.1", ISSUER))
                .satisfies(refused -> assertThat(refused.getName()).endsWith("audiences"));
    }

    @Test
    void aWaiverAndKeysContradictEachOther() {
        assertThatExceptionOfType(InvalidConfigurationPropertyValueException.class)
                .isThrownBy(() -> check("cowslip.security.authentication=none", KEY))
                .satisfies(refused -> assertThat(refused.getName()).isEqualTo("cowslip.security.authentication"));
    }

    /** The whole service: it says what to set, and has touched nothing. */
    @Test
    @ExtendWith(OutputCaptureExtension.class)
    void theServiceSaysWhatToSet(@TempDir Path temporary, CapturedOutput output) {
        assertThatExceptionOfType(UnprotectedAddressException.class)
                .isThrownBy(() -> SpringApplication.run(
                        Cowslip.class,
                        "--server.address=0.0.0.0",
                        "--server.port=0",
                        "--cowslip.data=" + temporary.resolve("data"),
                        "--cowslip.image-root=" + temporary.resolve("images")));
        assertThat(output)
                .contains("server.address has the service listen on 0.0.0.0")
                .contains("server.address=127.0.0.1")
                .contains("cowslip.security.api-keys.<name>.sha256")
                .contains("spring.security.oauth2.resourceserver.jwt.issuer-uri")
                .contains("cowslip.security.authentication=none");
        assertThat(temporary).isEmptyDirectory();
    }
}
