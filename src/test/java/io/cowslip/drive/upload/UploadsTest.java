package io.cowslip.drive.upload;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.cowslip.drive.ByteSize;
import io.cowslip.drive.DriveClaims;
import io.cowslip.drive.DriveException;
import io.cowslip.drive.DriveException.Reason;
import io.cowslip.drive.DriveId;
import io.cowslip.drive.registry.Bench;
import io.cowslip.drive.volume.ImageRoot;
import io.cowslip.engine.ImageException;
import io.cowslip.engine.ImageException.Kind;
import io.cowslip.engine.cache.CacheFactory;
import io.cowslip.engine.host.HostFile;
import io.cowslip.engine.host.HostFiles;
import io.cowslip.engine.host.ImageLock;
import io.cowslip.engine.image.file.ImageEnvironment;
import io.cowslip.engine.image.options.ImageFormat;
import io.cowslip.testing.FaultyHostFiles;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class UploadsTest {
    private static final UploadRules RAW = new UploadRules(ImageFormat.RAW, null, List.of());
    private static final Duration EXPIRY = Duration.ofHours(1);

    @TempDir
    private Path folder;

    private ImageRoot root;
    private Instant now = Instant.now();

    @BeforeEach
    void makeRoot() throws IOException {
        root = ImageRoot.at(folder);
    }

    private Uploads uploads() {
        return uploads(HostFiles.posix());
    }

    private Uploads uploads(HostFiles files) {
        return new Uploads(
                root,
                new ImageEnvironment(files, root, CacheFactory.plain()),
                new DriveClaims(8),
                new UploadProperties(new ByteSize(1 << 20), 3, EXPIRY),
                () -> now);
    }

    private static void append(UploadSession session, int bytes, int value) throws IOException {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment memory = arena.allocate(bytes);
            session.append(memory.fill((byte) value));
        }
    }

    private static void upload(Uploads uploads, String name, int bytes) throws IOException {
        try (UploadSession session = uploads.begin(name, RAW, null)) {
            append(session, bytes, 7);
        }
    }

    @Test
    void anUploadOutlivesTheService() throws IOException {
        Uploads first = uploads();
        try (UploadSession session = first.begin("vm/new disk.raw", RAW, null)) {
            session.announceLength(900);
            append(session, 700, 7);
        }
        Uploads second = uploads();
        second.load();
        assertThat(second.unfinished()).singleElement().satisfies(status -> {
            assertThat(status.name()).isEqualTo("vm/new disk.raw");
            assertThat(status.offsetBytes()).isEqualTo(700);
            assertThat(status.lengthBytes()).isEqualTo(900);
        });
        try (UploadSession session = second.resume("vm/new disk.raw", RAW)) {
            append(session, 200, 8);
            session.publish();
        }
        assertThat(second.unfinished()).isEmpty();
        assertThat(Files.size(folder.resolve("vm/new disk.raw"))).isEqualTo(900);
        try (var files = Files.list(folder.resolve("vm"))) {
            assertThat(files).hasSize(1);
        }
    }

    @Test
    void onlyWhatTheLogCallsDurableIsThereAfterARestart() throws IOException {
        upload(uploads(), "disk.raw", 700);
        UploadPlace place = UploadPlace.of(root, "disk.raw");
        Files.write(place.content(), new byte[300], StandardOpenOption.APPEND);
        Files.writeString(place.log().file(), "offset 99", StandardOpenOption.APPEND);
        Uploads restarted = uploads();
        restarted.load();
        try (UploadSession session = restarted.resume("disk.raw", RAW)) {
            assertThat(session.offset()).isEqualTo(700);
            assertThat(Files.size(place.content())).isEqualTo(700);
        }
    }

    @Test
    void remainsOfUploadsThatAreOverGo() throws IOException {
        upload(uploads(), "there.raw", 10);
        upload(uploads(), "torn.raw", 10);
        Files.move(UploadPlace.of(root, "there.raw").content(), folder.resolve("there.raw"));
        Files.delete(UploadPlace.of(root, "torn.raw").log().file());
        Uploads restarted = uploads();
        restarted.load();
        assertThat(restarted.unfinished()).isEmpty();
        try (var files = Files.list(folder)) {
            assertThat(files).containsExactly(folder.resolve("there.raw"));
        }
    }

    @Test
    void whatNobodyGoesOnWithExpires() throws IOException {
        Uploads uploads = uploads();
        upload(uploads, "vm/old.raw", 10);
        now = now.plus(EXPIRY.minusSeconds(1));
        upload(uploads, "young.raw", 10);
        UploadSession busy = uploads.begin("busy.raw", RAW, null);
        now = now.plusSeconds(2);
        uploads.expire();
        assertThat(uploads.unfinished()).extracting(UploadStatus::name).containsExactly("busy.raw", "young.raw");
        assertThat(folder.resolve("vm")).doesNotExist();
        now = now.plus(EXPIRY);
        uploads.expire();
        assertThat(uploads.unfinished()).extracting(UploadStatus::name).containsExactly("busy.raw");
        busy.close();
    }

    /** Also where the length is told late or never, which got past a quota in Glance's CVE-2014-5356. */
    @Test
    void uploadsAndTheirSizeAreLimited() throws IOException {
        Uploads uploads = uploads();
        for (String name : List.of("a", "b", "c")) {
            upload(uploads, name, 10);
        }
        assertFails(Reason.LIMIT_REACHED, () -> uploads.begin("d", RAW, null));
        upload(uploads, "c", 20);
        assertFails(Reason.TOO_LARGE, () -> uploads.begin("c", RAW, (1L << 20) + 1));
        assertThat(uploads.find("c").orElseThrow().offsetBytes()).isEqualTo(20);
        uploads.cancel("c");
        try (UploadSession session = uploads.begin("d", RAW, null)) {
            assertFails(Reason.TOO_LARGE, () -> session.announceLength((1 << 20) + 1));
            append(session, 1 << 20, 1);
            assertFails(Reason.TOO_LARGE, () -> append(session, 1, 1));
        }
        assertThat(uploads.find("d")).isEmpty();
        assertThat(UploadPlace.of(root, "d").content()).doesNotExist();
    }

    @Test
    void nobodyElseGetsAnUploadMeanwhile() throws IOException {
        Uploads uploads = uploads();
        try (UploadSession session = uploads.begin("one", RAW, null)) {
            append(session, 10, 1);
            assertFails(Reason.IN_USE, () -> uploads.begin("one", RAW, null));
            assertFails(Reason.IN_USE, () -> uploads.resume("one", RAW));
            try (HostFile other =
                    HostFiles.posix().open(UploadPlace.of(root, "one").content(), HostFiles.Mode.READ)) {
                assertThatExceptionOfType(ImageException.class)
                        .isThrownBy(() -> other.lock(ImageLock.READER))
                        .matches(refused -> refused.kind() == Kind.BUSY);
            }
            uploads.cancel("one");
            assertFails(Reason.NO_SUCH_UPLOAD, () -> append(session, 10, 1));
        }
        assertThat(uploads.find("one")).isEmpty();
        assertThat(folder).isEmptyDirectory();
    }

    @Test
    void nothingIsBelievedOfAHostThatFailedToSync() throws IOException {
        FaultyHostFiles files = new FaultyHostFiles(HostFiles.posix());
        Uploads uploads = uploads(files);
        upload(uploads, "disk.raw", 100);
        UploadSession session = uploads.resume("disk.raw", RAW);
        append(session, 50, 1);
        files.failAfter(1, 1, Kind.IO);
        assertThatExceptionOfType(ImageException.class).isThrownBy(session::settle);
        assertThat(files.syncRefused()).isTrue();
        // The host says that all is well the second time.
        assertThatExceptionOfType(ImageException.class).isThrownBy(session::close);
        files.heal();
        assertThat(uploads.find("disk.raw").orElseThrow().offsetBytes()).isEqualTo(100);
        try (UploadSession again = uploads.resume("disk.raw", RAW)) {
            append(again, 20, 2);
            again.publish();
        }
        byte[] bytes = Files.readAllBytes(folder.resolve("disk.raw"));
        assertThat(bytes).hasSize(120);
        assertThat(bytes[99]).isEqualTo((byte) 7);
        assertThat(bytes[100]).isEqualTo((byte) 2);
    }

    @Test
    void aVolumeThatWasUploadedAsRawStaysRaw() throws IOException {
        byte[] image = qcow2();
        Uploads uploads = uploads();
        try (UploadSession session = uploads.begin("guest.raw", RAW, null);
                Arena arena = Arena.ofConfined()) {
            session.append(arena.allocate(image.length).copyFrom(MemorySegment.ofArray(image)));
            assertThat(session.publish().getFirst().format()).isEqualTo(ImageFormat.RAW);
        }
        try (Bench bench = new Bench(folder)) {
            assertThat(bench.volumes.facts("guest.raw").getFirst().format()).isEqualTo(ImageFormat.RAW);
            assertThat(bench.open("d", "guest.raw").options().format()).isEqualTo(ImageFormat.RAW);
            assertThat(bench.registry.drive(new DriveId("d")).virtualSizeBytes())
                    .isEqualTo(image.length);
            assertThatExceptionOfType(ImageException.class)
                    .isThrownBy(() -> bench.registry.open(
                            null, "guest.raw", bench.registry.defaults().withFormat(ImageFormat.QCOW2)))
                    .matches(refused -> "format".equals(refused.option()));
        }
    }

    @Test
    void aRawDiskMayBeginAsAnImageDoes() throws IOException {
        try (UploadSession session = uploads().begin("magic.raw", RAW, null);
                Arena arena = Arena.ofConfined()) {
            MemorySegment bytes = arena.allocate(4096).fill((byte) 0xff);
            session.append(bytes.copyFrom(MemorySegment.ofArray(new byte[] {'Q', 'F', 'I', (byte) 0xfb})));
            assertThat(session.publish()).singleElement().satisfies(info -> {
                assertThat(info.format()).isEqualTo(ImageFormat.RAW);
                assertThat(info.virtualSizeBytes()).isEqualTo(4096);
            });
        }
    }

    private byte[] qcow2() throws IOException {
        try (Bench bench = new Bench(folder)) {
            bench.create("real.qcow2");
        }
        return Files.readAllBytes(folder.resolve("real.qcow2"));
    }

    private static void assertFails(Reason reason, ThrowingCallable call) {
        assertThatThrownBy(call)
                .isInstanceOfSatisfying(
                        DriveException.class,
                        failure -> assertThat(failure.reason()).isEqualTo(reason));
    }
}
