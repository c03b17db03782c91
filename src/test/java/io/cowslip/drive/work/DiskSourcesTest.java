package io.cowslip.drive.work;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.catchThrowable;
import static org.assertj.core.api.InstanceOfAssertFactories.type;

import io.cowslip.drive.DriveClaims;
import io.cowslip.drive.DriveException;
import io.cowslip.drive.DriveException.Reason;
import io.cowslip.drive.DriveId;
import io.cowslip.drive.FileHolder;
import io.cowslip.drive.registry.Bench;
import io.cowslip.drive.registry.DriveDefaults;
import io.cowslip.drive.registry.DriveLease;
import io.cowslip.drive.registry.DriveObserver;
import io.cowslip.drive.registry.DriveOpener;
import io.cowslip.drive.volume.ImageRoot;
import io.cowslip.drive.volume.SecretFolder;
import io.cowslip.engine.ImageException;
import io.cowslip.engine.ImageException.Kind;
import io.cowslip.engine.cache.CacheFactory;
import io.cowslip.engine.host.HostFiles;
import io.cowslip.engine.image.convert.DiskMap;
import io.cowslip.engine.image.file.ImageEnvironment;
import io.cowslip.engine.image.options.ImageOptions;
import io.cowslip.engine.image.options.Preallocation;
import io.cowslip.engine.work.WorkObserver;
import io.cowslip.testing.SlowHostFiles;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What a job is told of a drive that is changed while the job reads it. */
final class DiskSourcesTest {
    private static final DriveId DRIVE = new DriveId("drive");

    @TempDir
    private Path folder;

    private Bench bench;
    private DiskSources sources;
    private SlowHostFiles.Meanwhile meanwhile = reads -> {};

    @BeforeEach
    void openDrive() throws IOException {
        HostFiles files = new SlowHostFiles(HostFiles.posix(), reads -> meanwhile.run(reads));
        bench = new Bench(folder, ImageOptions.defaults(), DriveObserver.NONE, files);
        bench.create("disk.qcow2");
        bench.open(DRIVE.value(), "disk.qcow2");
        ImageRoot root = ImageRoot.at(folder);
        ImageEnvironment environment = new ImageEnvironment(HostFiles.posix(), root, CacheFactory.plain());
        DriveDefaults defaults = new DriveDefaults(ImageOptions.defaults());
        DriveOpener opener = new DriveOpener(root, environment, defaults, new SecretFolder(null));
        sources = new DiskSources(opener, new DriveClaims(8), bench.registry);
    }

    @AfterEach
    void close() {
        bench.close();
    }

    /** As a drive whose end is gone by the time the job comes there. */
    @Test
    void aDiskThatGetsSmallerWasWritten() throws IOException {
        try (DiskSources.Opened opened = open()) {
            assertThatThrownBy(() -> opened.read(WorkObserver.NONE, (disk, watching) -> {
                        resize(Bench.DISK_BYTES / 2);
                        return disk.mapAt(Bench.DISK_BYTES - 1, 1);
                    }))
                    .isInstanceOfSatisfying(
                            DriveException.class,
                            failure -> assertThat(failure.reason()).isEqualTo(Reason.IN_USE))
                    .hasMessageContaining("drive \"drive\" was written meanwhile");
        }
    }

    /** As a drive that was getting smaller already when the job opened it. */
    @Test
    void aDiskThatIsGettingSmallerIsWritten() throws IOException {
        long smaller = Bench.DISK_BYTES / 2;
        List<Throwable> failures = new ArrayList<>();
        try (DiskSources.Opened early = open()) {
            List<DiskSources.Opened> opened = new ArrayList<>();
            meanwhile = reads -> {
                if (opened.isEmpty()) {
                    opened.add(open());
                }
                if (failures.isEmpty() && early.image().virtualSizeBytes() == smaller) {
                    failures.add(catchThrowable(() -> opened.getFirst()
                            .read(WorkObserver.NONE, (disk, watching) -> disk.mapAt(Bench.DISK_BYTES - 1, 1))));
                }
            };
            resize(smaller);
            opened.getFirst().close();
        }
        assertThat(failures)
                .singleElement(type(DriveException.class))
                .satisfies(failure -> assertThat(failure.reason()).isEqualTo(Reason.IN_USE));
    }

    @Test
    void aDiskThatIsWrittenIsNoticedAsTheWorkAdvances() throws IOException {
        try (DiskSources.Opened opened = open()) {
            assertThatThrownBy(() -> opened.read(WorkObserver.NONE, (disk, watching) -> {
                        resize(2 * Bench.DISK_BYTES);
                        return DiskMap.of(disk, 0, Bench.DISK_BYTES, 1, watching);
                    }))
                    .isInstanceOfSatisfying(
                            DriveException.class,
                            failure -> assertThat(failure.reason()).isEqualTo(Reason.IN_USE));
        }
    }

    /** What lies behind the end of a disk that stayed as it was is the reader's own mistake. */
    @Test
    void otherFailuresStayWhatTheyAre() throws IOException {
        try (DiskSources.Opened opened = open()) {
            assertThatThrownBy(
                            () -> opened.read(WorkObserver.NONE, (disk, watching) -> disk.mapAt(Bench.DISK_BYTES, 1)))
                    .isInstanceOfSatisfying(
                            ImageException.class,
                            failure -> assertThat(failure.kind()).isEqualTo(Kind.OUT_OF_RANGE));
        }
    }

    private DiskSources.Opened open() throws IOException {
        return sources.open(FileHolder.job("job"), new DiskSource.OfDrive(DRIVE));
    }

    private void resize(long sizeBytes) throws IOException {
        try (DriveLease lease = bench.registry.lease(DRIVE)) {
            lease.image().resize(sizeBytes, true, Preallocation.OFF);
        }
    }
}
