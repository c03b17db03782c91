package io.cowslip.engine.image;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import io.cowslip.engine.ImageException;
import io.cowslip.engine.ImageException.Kind;
import io.cowslip.engine.host.HostFiles;
import io.cowslip.engine.image.create.ImageMeasure;
import io.cowslip.engine.image.file.ImageEnvironment;
import io.cowslip.engine.image.options.CreateOptions;
import io.cowslip.engine.image.options.ImageOptions;
import io.cowslip.engine.image.options.Preallocation;
import io.cowslip.engine.image.options.WriteOptions;
import io.cowslip.engine.work.WorkObserver;
import io.cowslip.testing.Background;
import io.cowslip.testing.DiskRecipe;
import io.cowslip.testing.GuestOperations;
import io.cowslip.testing.GuestSession;
import io.cowslip.testing.ImageAssertions;
import io.cowslip.testing.ModelDisk;
import io.cowslip.testing.NeedsQemu;
import io.cowslip.testing.QemuTools;
import io.cowslip.testing.Seeds;
import io.cowslip.testing.TestImages;
import java.io.IOException;
import java.nio.file.Path;
import java.util.SplittableRandom;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.stream.LongStream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** A snapshot that is read while its image is written: it holds what it held, and cannot be deleted. */
@NeedsQemu
final class SnapshotBesideTest {
    private static final GuestOperations.Mix MIX = new GuestOperations.Mix(5, 30, 8, 8, 4, 0);

    @TempDir
    Path folder;

    static LongStream seeds() {
        return Seeds.seeds(12, 200);
    }

    @Tag("long")
    @ParameterizedTest(name = "seed {0}")
    @MethodSource("seeds")
    void staysWhatItWas(long seed) throws IOException {
        SplittableRandom random = new SplittableRandom(seed);
        DiskRecipe recipe = RandomRecipes.recipe(random);
        if (recipe.refcountBits() < 8) {
            recipe = recipe.withRefcountBits(16);
        }
        try {
            DiskRecipe.Made made = recipe.make(folder, random);
            staysWhatItWas(made, recipe.version() == 3, random);
            ImageAssertions.assertThat(made.disk().file()).passesQemuCheck().passesAudit();
        } catch (IOException | RuntimeException | AssertionError e) {
            throw new AssertionError(recipe + ": " + e.getMessage() + "; " + Seeds.replay(getClass(), seed), e);
        }
    }

    private static void staysWhatItWas(DiskRecipe.Made made, boolean resizes, SplittableRandom random)
            throws IOException {
        ImageOptions options =
                TestImages.smallestCaches(512).withWrites(WriteOptions.DEFAULTS.withCompress(random.nextInt(4) == 0));
        ImageEnvironment environment = TestImages.environment(HostFiles.posix());
        try (GuestSession guest = GuestSession.open(made.disk(), options, environment, made.model())) {
            GuestOperations operations = new GuestOperations(guest, random, 256 << 10);
            operations.run(10, MIX);
            guest.image().snapshots().create("read", 0, 0);
            ModelDisk then = ModelDisk.of(guest.model().read(0, guest.sizeBytes()));
            try (DiskImage view = guest.image().openSnapshot(readOnly())) {
                AtomicBoolean ended = new AtomicBoolean();
                SplittableRandom own = random.split();
                CompletableFuture<Void> reader = Background.run(() -> read(view, then, own, ended));
                for (int round = 0; round < 6; round++) {
                    operations.run(12, MIX);
                    changeSnapshots(guest, then, resizes, random);
                }
                ended.set(true);
                reader.join();
                ImageAssertions.assertThat(view).readsAs(then);
                assertThat(view.check(WorkObserver.NONE).corruptions()).isZero();
            }
            guest.image().snapshots().delete("read");
        }
    }

    private static void changeSnapshots(GuestSession guest, ModelDisk then, boolean resizes, SplittableRandom random)
            throws IOException {
        switch (random.nextInt(4)) {
            case 0 -> guest.image().snapshots().create("s" + random.nextInt(), 0, 0);
            case 1 -> {
                Snapshot last = guest.image().snapshots().list().getLast();
                if (last.name().equals("read")) {
                    refusesToDelete(guest.image());
                } else {
                    guest.image().snapshots().delete(last.id());
                }
            }
            case 2 -> {
                guest.image().snapshots().revert("read");
                guest.model().resize(then.sizeBytes());
                guest.model().write(0, then.read(0, then.sizeBytes()));
            }
            default -> {
                if (resizes) {
                    guest.resize(512 * random.nextInt(1, then.sizeBytes() / 256), Preallocation.OFF);
                }
            }
        }
    }

    private static void read(DiskImage view, ModelDisk then, SplittableRandom random, AtomicBoolean ended)
            throws IOException {
        while (!ended.get()) {
            int offset = random.nextInt(then.sizeBytes());
            int length = random.nextInt(Math.min(then.sizeBytes() - offset, 300_000) + 1);
            then.difference(offset, TestImages.read(view, offset, length)).ifPresent(difference -> {
                throw new AssertionError("beside its writer, read " + offset + "+" + length + ": " + difference);
            });
        }
    }

    private static ImageOptions readOnly() {
        return TestImages.smallestCaches(512).withReadOnly(true).withSnapshot("read");
    }

    private static void refusesToDelete(DiskImage image) {
        assertThatExceptionOfType(ImageException.class)
                .isThrownBy(() -> image.snapshots().delete("read"))
                .withMessageContaining("is being read by 1 drive or job")
                .satisfies(refused -> assertThat(refused.kind()).isEqualTo(Kind.BUSY));
    }

    @Test
    void tellsWhatChangedUpToIt() throws IOException {
        Path file = QemuTools.create(folder.resolve("image"), 1 << 20, "cluster_size=64k");
        try (DiskImage image = TestImages.open(file)) {
            image.snapshots().create("monday", 0, 0);
            TestImages.write(image, 0, new byte[] {1});
            image.snapshots().create("read", 0, 0);
            TestImages.write(image, 128 << 10, new byte[] {1});
            try (DiskImage view = image.openSnapshot(readOnly())) {
                DiskChanges changes = view.snapshots().changesSince("monday", null);
                assertThat(changes.changeAt(0, 1 << 20)).isEqualTo(new GuestChange(0, 64 << 10, true, false));
                assertThat(changes.changeAt(64 << 10, 1 << 20).changed()).isFalse();
                assertThat(changes.changeAt(128 << 10, 1 << 20).changed()).isFalse();
                assertThat(view.snapshots().list()).extracting(Snapshot::name).containsExactly("monday", "read");
                assertThatExceptionOfType(ImageException.class)
                        .isThrownBy(() -> view.snapshots().create("third", 0, 0))
                        .satisfies(refused -> assertThat(refused.kind()).isEqualTo(Kind.READ_ONLY));
                assertThatExceptionOfType(ImageException.class)
                        .isThrownBy(() -> view.bitmaps().list())
                        .withMessageContaining("ask the drive that writes it");
                assertThat(ImageMeasure.ofCopy(CreateOptions.qcow2(1 << 20), view, WorkObserver.NONE)
                                .requiredBytes())
                        .isPositive();
                refusesToDelete(image);
            }
            assertThatExceptionOfType(ImageException.class)
                    .isThrownBy(() -> image.openSnapshot(readOnly().withSnapshot("none")))
                    .satisfies(refused -> assertThat(refused.option()).isEqualTo("snapshot"));
            image.snapshots().delete("read");
        }
        ImageAssertions.assertThat(file).passesQemuCheck();
    }
}
