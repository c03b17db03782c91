package io.cowslip.drive.volume;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import io.cowslip.drive.DriveId;
import io.cowslip.drive.registry.Bench;
import io.cowslip.drive.registry.DriveObserver;
import io.cowslip.engine.ImageException;
import io.cowslip.engine.image.options.CreateOptions;
import io.cowslip.engine.image.options.ImageFormat;
import io.cowslip.engine.image.options.ImageOptions;
import io.cowslip.engine.image.options.Preallocation;
import io.cowslip.testing.Background;
import io.cowslip.testing.HeldOperations;
import io.cowslip.testing.HeldOperations.Hold;
import io.cowslip.testing.HeldOperations.Kind;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.TimeUnit;
import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** While a volume is filled everybody else goes on, and nobody sees it. */
@Timeout(value = 60, unit = TimeUnit.SECONDS, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
class VolumeCreationTest {
    private final HeldOperations files = new HeldOperations();

    @TempDir
    private Path folder;

    private Bench bench;
    private Volumes volumes;

    @BeforeEach
    void setUp() throws IOException {
        bench = new Bench(folder, ImageOptions.defaults(), DriveObserver.NONE, files);
        volumes = bench.volumes;
        volumes.create("base", CreateOptions.qcow2(Bench.DISK_BYTES));
    }

    @AfterEach
    void tearDown() {
        bench.close();
    }

    /** A creation of new/disk that waits in the middle of being filled. */
    private record Filling(Hold hold, CompletableFuture<Void> creation) {
        void end() {
            hold.release();
            creation.join();
        }

        void endsIn(ImageException.Kind kind) {
            hold.release();
            fails(kind);
        }

        void fails(ImageException.Kind kind) {
            assertThatExceptionOfType(CompletionException.class)
                    .isThrownBy(creation::join)
                    .satisfies(failure -> assertThat(failure)
                            .cause()
                            .cause()
                            .isInstanceOfSatisfying(
                                    ImageException.class,
                                    cause -> assertThat(cause.kind()).isEqualTo(kind)));
        }
    }

    private Filling fill(CreateOptions options) throws InterruptedException {
        Hold hold = files.holdNext(Kind.WRITE);
        CompletableFuture<Void> creation = Background.run(() -> volumes.create("new/disk", options));
        hold.awaitReached();
        return new Filling(hold, creation);
    }

    private static CreateOptions full() {
        return CreateOptions.qcow2(Bench.DISK_BYTES).withPreallocation(Preallocation.FULL);
    }

    @Test
    void othersGoOn() throws Exception {
        Filling filling = fill(full());

        volumes.create("new/other", CreateOptions.qcow2(1 << 20));
        bench.open("a", "new/other");
        bench.registry.close(new DriveId("a"));
        volumes.delete("new/other");
        volumes.delete("base");
        assertThat(volumes.list("", null, 10).names()).isEmpty();

        filling.end();
        assertThat(volumes.facts("new/disk").getFirst().virtualSizeBytes()).isEqualTo(Bench.DISK_BYTES);
        bench.open("b", "new/disk");
    }

    @Test
    void whoIsDoneFirstHasTheName() throws Exception {
        Filling filling = fill(full());

        volumes.create("new/disk", CreateOptions.qcow2(1 << 20));

        filling.endsIn(ImageException.Kind.ALREADY_EXISTS);
        assertThat(volumes.facts("new/disk").getFirst().virtualSizeBytes()).isEqualTo(1 << 20);
        assertThat(folder.resolve("new")).isDirectoryContaining("glob:**/disk");
        volumes.delete("new/disk");
        assertThat(folder.resolve("new")).doesNotExist();
    }

    @Test
    void whatItWasToBackOnIsGone() throws Exception {
        Filling filling = fill(Bench.backedBy("../base"));

        volumes.delete("base");

        filling.endsIn(ImageException.Kind.NOT_FOUND);
        assertThat(folder).isEmptyDirectory();
    }

    @Test
    void itsDataFileIsNobodyElses() throws Exception {
        Hold hold = files.holdNext(Kind.WRITE);
        CompletableFuture<Void> creation = Background.run(() ->
                volumes.create("new/disk", CreateOptions.qcow2(Bench.DISK_BYTES).withDataFile("disk.data", false)));
        hold.awaitReached();
        ImageOptions raw = bench.registry.defaults().withFormat(ImageFormat.RAW);

        assertBusy(() -> volumes.delete("new/disk.data"));
        assertBusy(() -> bench.registry.open(new DriveId("a"), "new/disk.data", raw));

        new Filling(hold, creation).end();
        bench.open("b", "new/disk");
    }

    private static void assertBusy(ThrowingCallable call) {
        assertThatExceptionOfType(ImageException.class)
                .isThrownBy(call)
                .satisfies(refusal -> assertThat(refusal.kind()).isEqualTo(ImageException.Kind.BUSY));
    }

    @Test
    void aFailureLeavesNothing() throws Exception {
        Filling filling = fill(full());

        filling.hold.refuse();

        filling.fails(ImageException.Kind.IO);
        assertThat(Files.exists(folder.resolve("new"))).isFalse();
        volumes.create("new", CreateOptions.qcow2(1 << 20));
    }
}
