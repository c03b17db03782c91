package io.cowslip.drive.registry;

import static org.assertj.core.api.Assertions.assertThat;

import io.cowslip.drive.DriveId;
import io.cowslip.drive.ServiceLayer;
import io.cowslip.engine.image.options.ImageOptions;
import io.cowslip.testing.NeedsQemu;
import io.cowslip.testing.QemuTools;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;
import org.springframework.boot.SpringApplication;
import org.springframework.boot.context.event.ApplicationReadyEvent;
import org.springframework.boot.test.context.runner.ApplicationContextRunner;
import org.springframework.boot.test.system.CapturedOutput;
import org.springframework.boot.test.system.OutputCaptureExtension;

class StartTest {
    @TempDir
    private Path temporary;

    private Path images;
    private ApplicationContextRunner service;

    @BeforeEach
    void setUp() {
        images = temporary.resolve("images");
        service = new ApplicationContextRunner()
                .withUserConfiguration(ServiceLayer.class)
                .withPropertyValues("cowslip.image-root=" + images);
    }

    @Test
    void anEmptyRootGetsADemoImage() {
        service.run(context -> {
            DriveRegistry registry = context.getBean(DriveRegistry.class);
            DriveId id =
                    registry.open(null, DemoImage.NAME, registry.defaults()).id();
            try (DriveLease lease = registry.lease(id)) {
                assertThat(Bench.read(lease.image(), 0, 5)).isEqualTo("Hello");
                assertThat(Bench.read(lease.image(), (64 << 20) - 32, 32))
                        .isEqualTo("Here the disk ends: 32 bytes...\n");
            }
        });
    }

    @Test
    @NeedsQemu
    void qemuAgreesWithTheDemoImage() {
        service.run(context -> assertThat(images).isNotEmptyDirectory());

        assertThat(QemuTools.check(images.resolve(DemoImage.NAME)).clean()).isTrue();
    }

    @Test
    void aRootThatHoldsSomethingGetsNone() throws IOException {
        Files.createDirectories(images);
        Files.createFile(images.resolve("own"));
        service.run(context -> assertThat(images.resolve(DemoImage.NAME)).doesNotExist());
    }

    @Test
    void nobodyNeedsToHaveADemoImage() {
        service.withPropertyValues("cowslip.demo-image=false")
                .run(context -> assertThat(images).isEmptyDirectory());
    }

    @Test
    void configuredDrivesAreOpen() {
        service.run(context -> assertThat(context).hasNotFailed());
        service.withPropertyValues(
                        "cowslip.drive-defaults.l2-cache-size=64K",
                        "cowslip.drives.root.file=demo.qcow2",
                        "cowslip.drives.root.l2-cache-entry-size=4K",
                        "cowslip.drives.root.cache-clean-interval=7",
                        "cowslip.drives.root.read-only=true")
                .run(context -> {
                    ImageOptions options = context.getBean(DriveRegistry.class)
                            .drive(new DriveId("root"))
                            .options();
                    assertThat(options.readOnly()).isTrue();
                    assertThat(options.cacheCleanIntervalSeconds()).isEqualTo(7);
                    assertThat(options.caches().l2CacheEntrySize()).isEqualTo(4096);
                    assertThat(options.caches().l2CacheSize()).isEqualTo(65536);
                });
    }

    @Test
    void drivesCloseWithTheServiceAndKeepWhatWasWritten() {
        service.withPropertyValues("cowslip.drives.root.file=demo.qcow2", "cowslip.demo-image=true")
                .run(context -> assertThat(context).hasNotFailed());
        service.withPropertyValues("cowslip.drives.root.file=demo.qcow2").run(context -> {
            try (DriveLease lease = context.getBean(DriveRegistry.class).lease(new DriveId("root"))) {
                Bench.write(lease.image(), 1 << 20, "kept");
            }
        });
        service.withPropertyValues("cowslip.drives.root.file=demo.qcow2").run(context -> {
            try (DriveLease lease = context.getBean(DriveRegistry.class).lease(new DriveId("root"))) {
                assertThat(Bench.read(lease.image(), 1 << 20, 4)).isEqualTo("kept");
            }
        });
    }

    @Test
    void aDriveMayShowASnapshot() {
        service.withPropertyValues("cowslip.drives.root.file=demo.qcow2", "cowslip.demo-image=true")
                .run(context -> {
                    try (DriveLease lease = context.getBean(DriveRegistry.class).lease(new DriveId("root"))) {
                        Bench.write(lease.image(), 1 << 20, "then");
                        lease.image().snapshots().create("monday", 1, 0);
                        Bench.write(lease.image(), 1 << 20, "now!");
                    }
                });
        service.withPropertyValues(
                        "cowslip.drives.root.file=demo.qcow2",
                        "cowslip.drives.root.snapshot=monday",
                        "cowslip.drives.root.discard-no-unref=true")
                .run(context -> {
                    try (DriveLease lease = context.getBean(DriveRegistry.class).lease(new DriveId("root"))) {
                        assertThat(lease.image().readOnly()).isTrue();
                        assertThat(lease.image().options().writes().discardNoUnref())
                                .isTrue();
                        assertThat(Bench.read(lease.image(), 1 << 20, 4)).isEqualTo("then");
                    }
                });
    }

    @Test
    @ExtendWith(OutputCaptureExtension.class)
    void theLogSaysWhatToTryNext(CapturedOutput output) {
        becomeReady("local.server.port=4711", "local.management.port=4711", "server.address=127.0.0.2");

        assertThat(output)
                .contains("curl http://127.0.0.2:4711/drives -H")
                .contains("curl http://127.0.0.2:4711/actuator/drivecaches/demo")
                .doesNotContain("{url}");
    }

    @Test
    @ExtendWith(OutputCaptureExtension.class)
    void theLogKnowsThatActuatorHasAPortOfItsOwn(CapturedOutput output) {
        becomeReady(
                "local.server.port=4711",
                "server.address=::1",
                "local.management.port=4712",
                "management.server.base-path=/manage",
                "management.endpoints.web.base-path=/insights");

        assertThat(output)
                .contains("curl http://[::1]:4711/drives -H")
                .contains("curl http://127.0.0.1:4712/manage/insights/drivecaches/demo")
                .doesNotContain("4711/actuator");
    }

    @Test
    @ExtendWith(OutputCaptureExtension.class)
    void theLogDoesNotSpeakOfAnActuatorThatIsOff(CapturedOutput output) {
        becomeReady("local.server.port=4711", "management.server.port=-1");

        assertThat(output).contains("4711/drives").doesNotContain("drivecaches");
    }

    private void becomeReady(String... properties) {
        service.withPropertyValues(properties)
                .run(context -> context.publishEvent(new ApplicationReadyEvent(
                        new SpringApplication(), new String[0], context.getSourceApplicationContext(), Duration.ZERO)));
    }
}
