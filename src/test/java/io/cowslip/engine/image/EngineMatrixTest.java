package io.cowslip.engine.image;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import io.cowslip.engine.ImageException;
import io.cowslip.engine.host.DeferredSyncFiles;
import io.cowslip.engine.host.HostFiles;
import io.cowslip.engine.image.create.ImageCreator;
import io.cowslip.engine.image.options.CreateOptions;
import io.cowslip.engine.image.options.ImageFormat;
import io.cowslip.engine.image.options.NewEncryption;
import io.cowslip.engine.image.options.Preallocation;
import io.cowslip.engine.image.options.Secret;
import io.cowslip.testing.GuestOperations;
import io.cowslip.testing.GuestSession;
import io.cowslip.testing.ModelDisk;
import io.cowslip.testing.NeedsQemu;
import io.cowslip.testing.Processes;
import io.cowslip.testing.TestImages;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.SplittableRandom;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import tools.jackson.databind.JsonNode;

/**
 * Every combination of what the engine creates, with a snapshot, a bitmap, or both, all of its own making: written to,
 * closed, and judged by QEMU, which must find the features that were asked for. See {@link MatrixRun}.
 */
@NeedsQemu
@Tag("long")
final class EngineMatrixTest {
    private static final int SAMPLE = 100;
    private static final int REFUSED_SAMPLE = 400;
    private static final int LUKS_ITERATIONS = 1000;
    private static final GuestOperations.Mix MIX = new GuestOperations.Mix(5, 45, 20, 20, 5, 5);

    @TempDir
    Path folder;

    @Test
    void qemuReadsAllThatTheEngineMakes() throws InterruptedException {
        MatrixRun run = new MatrixRun(getClass(), folder);
        List<MatrixCase> cases = run.choose(MatrixCase.all().filter(MatrixCase::isMadeByEngine), SAMPLE);
        assertThat(cases).isNotEmpty();
        long all = MatrixCase.all().filter(MatrixCase::isMadeByEngine).count();
        run.run(
                cases,
                "of %,d combinations made and written by the engine and judged by QEMU".formatted(all),
                (created, own, random) -> {
                    byte[] below = MatrixDisk.makeBacking(created, own, random);
                    return (wanted, requests) -> makeAndJudge(wanted, own, below, requests);
                });
    }

    /** What the engine refuses, it refuses by name, and leaves nothing behind; QEMU refuses most of it too. */
    @Test
    void everythingElseIsRefused() throws InterruptedException {
        MatrixRun run = new MatrixRun(getClass(), folder);
        MatrixRun.Lone trial = (wanted, own, random) -> {
            MatrixDisk.makeBacking(wanted, own, random);
            assertThatExceptionOfType(ImageException.class)
                    .isThrownBy(() -> create(wanted, own, false))
                    .matches(refused -> refused.kind() == ImageException.Kind.INVALID_OPTION);
            assertThat(new MatrixTools(wanted, own).image()).doesNotExist();
            assertThat(new MatrixTools(wanted, own).dataFile()).doesNotExist();
        };
        List<MatrixCase> refused = MatrixCase.all()
                .filter(wanted -> wanted.equals(wanted.asCreated()))
                .filter(wanted -> !wanted.isMadeByEngine() && wanted.encryption() != MatrixCase.Encryption.AES)
                .toList();
        run.run(
                run.sample(refused, REFUSED_SAMPLE),
                "of %,d combinations that the engine refuses tried".formatted(refused.size()),
                trial.asPreparation());
    }

    private static void makeAndJudge(MatrixCase wanted, Path own, byte[] below, SplittableRandom random)
            throws IOException {
        MatrixTools tools = new MatrixTools(wanted, own);
        Files.deleteIfExists(tools.image());
        Files.deleteIfExists(tools.dataFile());
        boolean lazy = wanted.version() == 3 && random.nextBoolean();
        create(wanted, own, lazy);
        tools.requireSound(fill(wanted, tools, ModelDisk.over(below, wanted.sizeBytes()), random));
        requireFeatures(wanted, lazy, tools.info());
    }

    private static void create(MatrixCase wanted, Path own, boolean lazy) throws IOException {
        ImageFormat backing = wanted.backing() == MatrixCase.Backing.RAW ? ImageFormat.RAW : ImageFormat.QCOW2;
        boolean backed = wanted.backing() != MatrixCase.Backing.NONE;
        CreateOptions options = new CreateOptions(
                        ImageFormat.QCOW2,
                        (long) wanted.sizeBytes(),
                        wanted.clusterBytes(),
                        backed ? "base." + backing.wireName() : null,
                        backed ? backing : null,
                        wanted.refcountBits(),
                        CreateOptions.CompressionType.valueOf(
                                wanted.compression().name()),
                        wanted.version())
                .withExtendedL2(wanted.extendedL2())
                .withPreallocation(Preallocation.valueOf(wanted.preallocation().name()))
                .withLazyRefcounts(lazy);
        if (wanted.dataFile() != MatrixCase.DataFile.NONE) {
            options = options.withDataFile(MatrixCase.DATA_FILE, wanted.dataFile() == MatrixCase.DataFile.RAW);
        }
        if (wanted.encryption() == MatrixCase.Encryption.LUKS) {
            options = options.withEncrypt(NewEncryption.of(Secret.of(MatrixCase.SECRET), LUKS_ITERATIONS));
        }
        ImageCreator.create(
                new MatrixTools(wanted, own).image(),
                options,
                TestImages.environment(new DeferredSyncFiles(HostFiles.posix())));
        Processes.awaitStarts();
    }

    private static MatrixTools.Contents fill(
            MatrixCase wanted, MatrixTools tools, ModelDisk model, SplittableRandom random) throws IOException {
        byte[] snapshot = null;
        byte[] tracked = null;
        GuestSession.Disk disk = new GuestSession.Disk(tools.image(), wanted.clusterBytes(), wanted.discardKeepsData());
        try (GuestSession guest = GuestSession.open(
                disk,
                QemuMatrixTest.options(wanted),
                TestImages.environment(new DeferredSyncFiles(HostFiles.posix())),
                model)) {
            guest.read(0, guest.sizeBytes());
            if (wanted.bitmap()) {
                guest.image().bitmaps().create(MatrixTools.BITMAP, DirtyBitmaps.DEFAULT_GRANULARITY_BYTES, true);
                tracked = model.read(0, model.sizeBytes());
            }
            if (wanted.snapshot() && wanted.snapshotComesFirst()) {
                snapshot = takeSnapshot(guest);
            }
            GuestOperations operations = new GuestOperations(guest, random, wanted.longestBytes());
            operations.run(10, MIX);
            if (wanted.snapshot() && !wanted.snapshotComesFirst()) {
                snapshot = takeSnapshot(guest);
            }
            operations.run(10, MIX);
            guest.read(0, guest.sizeBytes());
        }
        return new MatrixTools.Contents(model, snapshot, tracked);
    }

    private static byte[] takeSnapshot(GuestSession guest) throws IOException {
        guest.image().snapshots().create(MatrixTools.SNAPSHOT, 1_800_000_000L, 5);
        return guest.model().read(0, guest.sizeBytes());
    }

    private static void requireFeatures(MatrixCase wanted, boolean lazy, JsonNode info) {
        JsonNode data = info.at("/format-specific/data");
        assertThat(data.path("compat").asString()).isEqualTo(wanted.version() == 2 ? "0.10" : "1.1");
        assertThat(info.path("cluster-size").asInt()).isEqualTo(wanted.clusterBytes());
        assertThat(info.path("virtual-size").asInt()).isEqualTo(wanted.sizeBytes());
        assertThat(data.path("refcount-bits").asInt()).isEqualTo(wanted.refcountBits());
        assertThat(data.path("extended-l2").asBoolean(false)).isEqualTo(wanted.extendedL2());
        assertThat(data.path("lazy-refcounts").asBoolean(false)).isEqualTo(lazy);
        assertThat(data.path("compression-type").asString()).isEqualTo(lower(wanted.compression()));
        assertThat(text(data.path("data-file")))
                .isEqualTo(wanted.dataFile() == MatrixCase.DataFile.NONE ? null : MatrixCase.DATA_FILE);
        assertThat(data.path("data-file-raw").asBoolean(false)).isEqualTo(wanted.dataFile() == MatrixCase.DataFile.RAW);
        assertThat(text(data.at("/encrypt/format")))
                .isEqualTo(wanted.encryption() == MatrixCase.Encryption.NONE ? null : "luks");
        assertThat(text(info.path("backing-filename-format")))
                .isEqualTo(wanted.backing() == MatrixCase.Backing.NONE ? null : lower(wanted.backing()));
        assertThat(info.path("snapshots").size()).isEqualTo(wanted.snapshot() ? 1 : 0);
        assertThat(data.path("bitmaps").size()).isEqualTo(wanted.bitmap() ? 1 : 0);
    }

    private static @Nullable String text(JsonNode node) {
        return node.isMissingNode() ? null : node.asString();
    }

    private static String lower(Enum<?> value) {
        return value.name().toLowerCase(Locale.ROOT);
    }
}
