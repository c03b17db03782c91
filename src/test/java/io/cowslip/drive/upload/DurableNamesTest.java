package io.cowslip.drive.upload;

import static org.assertj.core.api.Assertions.assertThat;

import io.cowslip.drive.DriveClaims;
import io.cowslip.drive.registry.Bench;
import io.cowslip.drive.registry.DriveDefaults;
import io.cowslip.drive.registry.DriveOpener;
import io.cowslip.drive.volume.ImageRoot;
import io.cowslip.drive.volume.SecretFolder;
import io.cowslip.drive.volume.Volumes;
import io.cowslip.drive.work.Conversion;
import io.cowslip.drive.work.Conversion.Target;
import io.cowslip.drive.work.Conversions;
import io.cowslip.drive.work.DiskSource;
import io.cowslip.drive.work.DiskSources;
import io.cowslip.engine.cache.CacheFactory;
import io.cowslip.engine.host.HostFiles;
import io.cowslip.engine.image.file.ImageEnvironment;
import io.cowslip.engine.image.options.CreateOptions;
import io.cowslip.engine.image.options.ImageFormat;
import io.cowslip.engine.image.options.ImageOptions;
import io.cowslip.engine.image.options.Preallocation;
import io.cowslip.engine.work.WorkObserver;
import io.cowslip.testing.WatchedNames;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * However a volume comes about, the power may fail at any moment: it is whole as soon as it has its name, and has that for
 * good once somebody is told.
 */
final class DurableNamesTest {
    private static final int SIZE = 1 << 20;
    private static final UploadRules RAW = new UploadRules(ImageFormat.RAW, null, List.of());

    @TempDir
    private Path folder;

    private ImageRoot root;
    private WatchedNames files;
    private ImageEnvironment environment;
    private DriveClaims claims;

    @BeforeEach
    void watch() throws IOException {
        root = ImageRoot.at(folder);
        files = new WatchedNames(root.folder().resolve("vm/new"));
        environment = new ImageEnvironment(files, root, CacheFactory.plain());
        claims = new DriveClaims(8);
    }

    @Test
    void created() throws IOException {
        Volumes volumes = new Volumes(root, environment, claims, new SecretFolder(null), new Random(1));
        volumes.create("vm/new", CreateOptions.qcow2(SIZE).withPreallocation(Preallocation.FULL));
        assertThat(files.faults()).isEmpty();
    }

    @Test
    void converted() throws IOException {
        SecretFolder secrets = new SecretFolder(null);
        Volumes volumes = new Volumes(root, environment, claims, secrets, new Random(1));
        volumes.create("source", CreateOptions.qcow2(SIZE).withPreallocation(Preallocation.FULL));
        DriveOpener opener = new DriveOpener(root, environment, new DriveDefaults(ImageOptions.defaults()), secrets);
        try (Bench bench = new Bench(folder)) {
            Conversions conversions =
                    new Conversions(opener, claims, new DiskSources(opener, claims, bench.registry), new Random(1));
            conversions.convert(
                    "job",
                    new Conversion(
                            new DiskSource.OfVolume("source", ImageOptions.defaults()),
                            new Target("vm/new", CreateOptions.qcow2(SIZE), true, null)),
                    WorkObserver.NONE);
        }
        assertThat(files.faults()).isEmpty();
    }

    @Test
    void uploaded() throws IOException {
        UploadProperties properties = new UploadProperties(null, 3, Duration.ofHours(1));
        Uploads uploads = new Uploads(root, environment, claims, properties, () -> Instant.EPOCH);
        try (UploadSession session = uploads.begin("vm/new", RAW, null);
                Arena arena = Arena.ofConfined()) {
            session.append(arena.allocate(SIZE).fill((byte) 5));
            session.publish();
        }
        assertThat(files.faults()).isEmpty();
    }

    /** What these tests would find. */
    @Test
    void whatIsNotDurableIsFound() throws IOException {
        Path file = root.folder().resolve("new");
        WatchedNames careless = new WatchedNames(file);
        try (var opened = careless.open(file, HostFiles.Mode.CREATE_NEW)) {
            opened.truncate(SIZE);
        }
        assertThat(careless.faults())
                .isEqualTo(List.of(
                        "it got its name before its content was durable",
                        "it was changed after it got its name",
                        "its folder was not synced after it got its name"));
    }
}
