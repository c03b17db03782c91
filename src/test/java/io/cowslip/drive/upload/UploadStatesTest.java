package io.cowslip.drive.upload;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import io.cowslip.drive.DriveClaims;
import io.cowslip.drive.DriveException;
import io.cowslip.drive.DriveException.Reason;
import io.cowslip.drive.registry.Bench;
import io.cowslip.drive.registry.DriveDefaults;
import io.cowslip.drive.registry.DriveOpener;
import io.cowslip.drive.volume.ImageRoot;
import io.cowslip.drive.volume.SecretFolder;
import io.cowslip.drive.work.Conversion.Target;
import io.cowslip.drive.work.Conversions;
import io.cowslip.drive.work.DiskSources;
import io.cowslip.drive.work.Imports;
import io.cowslip.drive.work.Imports.Import;
import io.cowslip.engine.cache.CacheFactory;
import io.cowslip.engine.host.HostFile;
import io.cowslip.engine.host.HostFiles;
import io.cowslip.engine.image.file.ImageEnvironment;
import io.cowslip.engine.image.options.CreateOptions;
import io.cowslip.engine.image.options.ImageFormat;
import io.cowslip.engine.image.options.ImageOptions;
import io.cowslip.engine.work.WorkObserver;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** Whose an upload is, who ends it, and what comes of those who are late. */
@Timeout(60)
class UploadStatesTest {
    private static final UploadRules RAW = new UploadRules(ImageFormat.RAW, null, List.of());
    private static final int SIZE = 1 << 20;

    @TempDir
    private Path folder;

    private ImageRoot root;
    private ImageEnvironment environment;
    private Uploads uploads;
    private Imports imports;
    private @Nullable ThrowingCallable whenFolderSyncs;

    @BeforeEach
    void makeUploads() throws IOException {
        root = ImageRoot.at(folder);
        environment = new ImageEnvironment(new NoticingFiles(), root, CacheFactory.plain());
        DriveClaims claims = new DriveClaims(8);
        uploads = new Uploads(
                root, environment, claims, new UploadProperties(null, 3, Duration.ofHours(1)), () -> Instant.EPOCH);
        SecretFolder secrets = new SecretFolder(null);
        DriveOpener opener = new DriveOpener(root, environment, new DriveDefaults(ImageOptions.defaults()), secrets);
        try (Bench bench = new Bench(folder)) {
            DiskSources sources = new DiskSources(opener, claims, bench.registry);
            imports = new Imports(opener, uploads, new Conversions(opener, claims, sources, new Random(1)));
        }
    }

    /** Does something in the moment in which a volume has got its name. */
    private final class NoticingFiles implements HostFiles {
        @Override
        public HostFile open(Path path, Mode mode, PageCache pageCache) throws IOException {
            return HostFiles.posix().open(path, mode, pageCache);
        }

        @Override
        public void syncFolder(Path synced) throws IOException {
            ThrowingCallable call = whenFolderSyncs;
            whenFolderSyncs = null;
            if (call != null) {
                try {
                    call.call();
                } catch (IOException | RuntimeException | Error failure) {
                    throw failure;
                } catch (Throwable impossible) {
                    throw new AssertionError(impossible);
                }
            }
            HostFiles.posix().syncFolder(synced);
        }
    }

    private void upload(String name) throws IOException {
        try (UploadSession session = uploads.begin(name, RAW, null);
                Arena arena = Arena.ofConfined()) {
            session.append(arena.allocate(SIZE).fill((byte) 5));
            session.announceLength(SIZE);
        }
    }

    private static Import toQcow2(String upload) {
        return new Import(upload, RAW, Map.of(), new Target("made.qcow2", CreateOptions.qcow2(SIZE), false, null));
    }

    @Test
    void aJobStopsWhenItsUploadIsGivenUp() throws IOException {
        upload("disk.raw");
        WorkObserver cancelling = new WorkObserver() {
            private boolean done;

            @Override
            public void advanced(long doneBytes, long totalBytes) {
                if (!done) {
                    done = true;
                    cancel("disk.raw");
                }
            }
        };
        assertFails(Reason.NO_SUCH_UPLOAD, () -> imports.make(toQcow2("disk.raw"), cancelling));
        assertThat(uploads.find("disk.raw")).isEmpty();
        assertThat(folder).isEmptyDirectory();
    }

    private void cancel(String name) {
        try {
            uploads.cancel(name);
        } catch (IOException e) {
            throw new AssertionError(e);
        }
    }

    @Test
    void whatIsBecomingAVolumeIsNotGivenUp() throws IOException {
        upload("disk.raw");
        try (UploadSession session = uploads.resume("disk.raw", RAW)) {
            whenFolderSyncs = () -> assertFails(Reason.IN_USE, () -> uploads.cancel("disk.raw"));
            session.publish();
            assertThat(whenFolderSyncs).isNull();
        }
        assertThat(folder.resolve("disk.raw")).hasSize(SIZE);
        assertFails(Reason.NO_SUCH_UPLOAD, () -> uploads.cancel("disk.raw"));
    }

    @Test
    void anUploadIsOverOnceItsVolumeHasItsName() throws IOException {
        upload("disk.raw");
        try (UploadSession session = uploads.resume("disk.raw", RAW)) {
            whenFolderSyncs = () -> {
                throw new IOException("injected");
            };
            assertThatExceptionOfType(IOException.class)
                    .isThrownBy(session::publish)
                    .withMessage("injected");
        }
        assertThat(uploads.find("disk.raw")).isEmpty();
        assertThat(folder.resolve("disk.raw")).hasSize(SIZE);
        assertThat(root.folder()).isDirectoryNotContaining("glob:**/.*");
    }

    @Test
    void oneEndsIt() throws IOException {
        Upload upload = new Upload("a", UploadPlace.of(root, "a"), 0, null, Instant.EPOCH);
        assertThat(upload.cancel()).isTrue();
        assertThat(upload.cancel()).isFalse();
        assertThat(upload.expire(Instant.EPOCH)).isFalse();
        assertThat(upload.replace()).isFalse();
        assertFails(Reason.NO_SUCH_UPLOAD, upload::attach);
        Upload held = new Upload("b", UploadPlace.of(root, "b"), 0, null, Instant.EPOCH);
        held.attach();
        assertThat(held.cancel()).isFalse();
        assertFails(Reason.NO_SUCH_UPLOAD, held::beginPublishing);
        assertThat(held.detach(Instant.EPOCH)).isTrue();
        assertThat(held.detach(Instant.EPOCH)).isFalse();
        assertFails(Reason.NO_SUCH_UPLOAD, held::attach);
    }

    @Test
    void aNewUploadWaitsForTheEndOfOneThatWasGivenUp() throws Exception {
        UploadSession first = uploads.begin("a", RAW, null);
        uploads.cancel("a");
        CompletableFuture<UploadSession> second = CompletableFuture.supplyAsync(() -> {
            try {
                return uploads.begin("a", RAW, null);
            } catch (IOException e) {
                throw new AssertionError(e);
            }
        });
        assertThatExceptionOfType(TimeoutException.class).isThrownBy(() -> second.get(100, TimeUnit.MILLISECONDS));
        first.close();
        try (UploadSession session = second.get(30, TimeUnit.SECONDS);
                Arena arena = Arena.ofConfined()) {
            session.append(arena.allocate(10));
            session.publish();
        }
        assertThat(folder.resolve("a")).hasSize(10);
        assertThat(folder).isDirectoryNotContaining("glob:**/.*");
    }

    private static void assertFails(Reason reason, ThrowingCallable call) {
        assertThatExceptionOfType(DriveException.class).isThrownBy(call).matches(failure -> failure.reason() == reason);
    }
}
