package io.cowslip.drive.registry;

import static org.assertj.core.api.Assertions.assertThat;

import io.cowslip.drive.ServiceLayer;
import io.cowslip.engine.cache.CacheOptions;
import io.cowslip.engine.image.options.ImageOptions;
import io.cowslip.engine.image.options.ImageOptions.DiscardMode;
import io.cowslip.engine.image.options.OverlapCheck;
import io.cowslip.engine.image.options.WriteOptions;
import io.cowslip.engine.image.options.WriteOptions.DetectZeroes;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.springframework.boot.context.properties.bind.BindException;
import org.springframework.boot.context.properties.source.InvalidConfigurationPropertyValueException;
import org.springframework.boot.test.context.runner.ApplicationContextRunner;

class DriveConfigurationTest {
    private static final long K = 1024;

    @TempDir
    private Path temporary;

    private ApplicationContextRunner service;

    @BeforeEach
    void setUp() {
        service = new ApplicationContextRunner()
                .withUserConfiguration(ServiceLayer.class)
                .withPropertyValues("cowslip.image-root=" + temporary.resolve("images"), "cowslip.demo-image=false");
    }

    @Test
    void theImageRootIsMade() {
        service.run(context -> assertThat(temporary.resolve("images")).isDirectory());
    }

    @Test
    void nothingSaidIsQemusDefaults() {
        service.run(context ->
                assertThat(context.getBean(DriveDefaults.class).unasked()).isEqualTo(ImageOptions.defaults()));
    }

    @Test
    void defaultsAreReadInEitherSpelling() {
        service.withPropertyValues(
                        "cowslip.drive-defaults.l2-cache-size=1.5M",
                        "cowslip.drive-defaults.l2-cache-entry-size=4KB",
                        "cowslip.drive-defaults.refcount-cache-size=262144",
                        "cowslip.drive-defaults.cache-clean-interval=90",
                        "cowslip.drive-defaults.l2-cache-packed=false",
                        "cowslip.drive-defaults.cache-direct=true",
                        "cowslip.drive-defaults.discard=ignore",
                        "cowslip.drive-defaults.compress=true",
                        "cowslip.drive-defaults.detect-zeroes=on",
                        "cowslip.drive-defaults.pass-discard-request=true",
                        "cowslip.drive-defaults.pass-discard-snapshot=false",
                        "cowslip.drive-defaults.pass-discard-other=true",
                        "cowslip.drive-defaults.discard-no-unref=true",
                        "cowslip.drive-defaults.lazy-refcounts=true",
                        "cowslip.drive-defaults.overlap-check.template=none",
                        "cowslip.drive-defaults.overlap-check.main-header=true",
                        "cowslip.drive-defaults.read-only=true")
                .run(context -> assertThat(context.getBean(DriveDefaults.class).unasked())
                        .isEqualTo(new ImageOptions(
                                        null,
                                        true,
                                        new CacheOptions(1536 * K, 4 * K, 256 * K, null, false),
                                        90,
                                        DiscardMode.IGNORE,
                                        true,
                                        null)
                                .withWrites(new WriteOptions(true, DetectZeroes.ON, true, false, true, true))
                                .withLazyRefcounts(true)
                                .withOverlapCheck(
                                        new OverlapCheck(OverlapCheck.Template.NONE, Map.of("main-header", true)))));
    }

    @Test
    void anOverlapCheckMayBeATemplateAlone() {
        service.withPropertyValues("cowslip.drive-defaults.overlap-check=constant")
                .run(context -> assertThat(
                                context.getBean(DriveDefaults.class).unasked().overlapCheck())
                        .isEqualTo(new OverlapCheck(OverlapCheck.Template.CONSTANT, Map.of())));
    }

    @Test
    void intervalsMayHaveUnits() {
        service.withPropertyValues("cowslip.drive-defaults.cache-clean-interval=2m")
                .run(context -> assertThat(
                                context.getBean(DriveDefaults.class).unasked().cacheCleanIntervalSeconds())
                        .isEqualTo(120));
    }

    @ParameterizedTest
    @CsvSource({
        "cowslip.drive-defaults.l2-cache-size, lots",
        "cowslip.drive-defaults.l2-cache-size, -1",
        "cowslip.drive-defaults.overlap-check, most",
        "cowslip.drive-defaults.lazy-refcounts, perhaps",
        "cowslip.drive-defaults.cache-size, 16E",
        "cowslip.drive-defaults.discard, perhaps",
        "cowslip.drive-defaults.detect-zeroes, perhaps",
        "cowslip.drive-defaults.discard-no-unref, perhaps",
        "cowslip.drive-defaults.cache-clean-interval, often",
        "cowslip.drive-defaults.cache-direct, perhaps",
        "cowslip.drive-defaults.read-only, perhaps"
    })
    void whatCannotBeReadStopsTheStartAndIsNamed(String property, String value) {
        service.withPropertyValues(property + "=" + value)
                .run(context -> assertThat(context)
                        .getFailure()
                        .hasStackTraceContaining("Failed to bind properties under '" + property + "'"));
    }

    @ParameterizedTest
    @CsvSource({
        "cowslip.drive-defaults.cache-clean-interval, 4294967296, driveDefaults.cacheCleanInterval",
        "cowslip.drive-defaults.cache-clean-interval, -1, driveDefaults.cacheCleanInterval",
        "cowslip.max-drives, 0, maxDrives"
    })
    void whatIsOutOfBoundsStopsTheStartAndIsNamed(String property, String value, String field) {
        service.withPropertyValues(property + "=" + value)
                .run(context -> assertThat(context)
                        .getFailure()
                        .hasStackTraceContaining(field)
                        .hasStackTraceContaining(BindException.class.getName()));
    }

    @ParameterizedTest
    @CsvSource({
        "l2-cache-entry-size, 3000",
        "l2-cache-entry-size, 256",
        "l2-cache-entry-size, 4M",
        "refcount-cache-size, 8E"
    })
    void whatNoImageCanHaveStopsTheStartAndIsNamed(String option, String value) {
        assertFailsAt("cowslip.drive-defaults." + option, "cowslip.drive-defaults." + option + "=" + value);
    }

    @Test
    void whatContradictsItselfStopsTheStartAndIsNamed() {
        assertFailsAt(
                "cowslip.drive-defaults.cache-size",
                "cowslip.drive-defaults.cache-size=4M",
                "cowslip.drive-defaults.l2-cache-size=1M",
                "cowslip.drive-defaults.refcount-cache-size=1M");
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "cowslip.image-roto",
                "cowslip.drive-defaults.l2-cache-sise",
                "cowslip.drive-defaults.overlap-check.main-haeder",
                "cowslip.drives.root.fiel",
                "cowslip.dirves.root.file"
            })
    void whatIsMisspeltStopsTheStartAndIsNamed(String property) {
        assertFailsAt(property, property + "=1", "cowslip.drives.root.file=some.qcow2");
    }

    @Test
    void whatIsMisspeltIsToldWithWhatIsKnown() {
        service.withPropertyValues("cowslip.drive-defaults.discrad=ignore")
                .run(context -> assertThat(context)
                        .getFailure()
                        .hasMessageContaining("There is no such property")
                        .hasMessageContaining("detect-zeroes, discard, discard-no-unref"));
    }

    /** What the system sets may be for somebody else. */
    @Test
    void systemPropertiesMayHaveTheSameBeginning() {
        service.withSystemProperties("cowslip.service.host=10.0.0.1")
                .run(context -> assertThat(context).hasNotFailed());
    }

    @Test
    void aDriveWithoutItsFileStopsTheStartAndIsNamed() {
        assertFailsAt("cowslip.drives.root.file", "cowslip.drives.root.file=none.qcow2");
    }

    @Test
    void aRootThatIsNoFolderStopsTheStartAndIsNamed() throws IOException {
        Path file = Files.createFile(temporary.resolve("file"));
        assertFailsAt("cowslip.image-root", "cowslip.image-root=" + file);
    }

    private void assertFailsAt(String property, String... values) {
        service.withPropertyValues(values).run(context -> {
            Throwable failure = context.getStartupFailure();
            while (failure != null && !(failure instanceof InvalidConfigurationPropertyValueException)) {
                failure = failure.getCause();
            }
            assertThat(failure)
                    .isInstanceOfSatisfying(
                            InvalidConfigurationPropertyValueException.class,
                            invalid -> assertThat(invalid.getName()).isEqualTo(property));
        });
    }
}
