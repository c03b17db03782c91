package io.cowslip.engine.image;

import io.cowslip.engine.image.convert.DiskCommit;
import io.cowslip.engine.image.convert.DiskCompaction;
import io.cowslip.engine.image.convert.DiskRebase;
import io.cowslip.engine.image.convert.HeaderAmender;
import io.cowslip.engine.image.options.AmendOptions;
import io.cowslip.engine.image.options.ImageFormat;
import io.cowslip.engine.image.options.ImageOptions;
import io.cowslip.engine.image.options.WriteOptions;
import io.cowslip.engine.work.WorkObserver;
import io.cowslip.testing.DiskRecipe;
import io.cowslip.testing.EncryptedImages;
import io.cowslip.testing.GuestOperations;
import io.cowslip.testing.GuestSession;
import io.cowslip.testing.ModelDisk;
import io.cowslip.testing.Seeds;
import io.cowslip.testing.TestImages;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.util.List;
import java.util.SplittableRandom;
import java.util.function.Predicate;
import java.util.stream.Stream;

/** What guests do while the power is cut: each workload leads through other parts of the write path. */
enum PowerCutWorkload {
    /** New clusters and new L2 tables only. */
    ALLOCATION(PowerCutPlan.of(DiskRecipe.plain(512, 300 << 10, 0), mix(0, 20, 0, 0, 3, 0), 60, 4)),
    ALLOCATION_OF_LARGER_CLUSTERS(PowerCutPlan.of(DiskRecipe.plain(4096, 2 << 20, 0), mix(0, 20, 0, 0, 3, 1), 50, 4)),
    COPY_ON_WRITE_FROM_RAW(PowerCutPlan.of(
            DiskRecipe.plain(2048, 200 << 10, 4).over(new DiskRecipe.Layer(0, 150 << 10, false)),
            mix(1, 12, 2, 2, 2, 0),
            50,
            3)),
    COPY_ON_WRITE_FROM_A_CHAIN(PowerCutPlan.of(
            DiskRecipe.plain(1024, 150 << 10, 4)
                    .over(new DiskRecipe.Layer(4096, 200 << 10, true), new DiskRecipe.Layer(512, 100 << 10, false)),
            mix(1, 12, 2, 2, 2, 0),
            50,
            3)),
    COPY_ON_WRITE_IN_VERSION_2(PowerCutPlan.of(
            DiskRecipe.plain(1024, 100 << 10, 4).withVersion(2).over(new DiskRecipe.Layer(0, 64 << 10, false)),
            mix(1, 12, 3, 3, 2, 0),
            50,
            3)),
    /** Overwrites of clusters that are there: whole sectors and parts of them. */
    IN_PLACE(PowerCutPlan.of(DiskRecipe.plain(4096, 48 << 10, 60), mix(0, 20, 0, 0, 3, 0), 60, 2)),
    /** One refcount block covers 64 clusters: the file grows through many. */
    REFCOUNT_BLOCK_GROWTH(
            PowerCutPlan.of(DiskRecipe.plain(512, 256 << 10, 0).withRefcountBits(64), mix(0, 20, 0, 1, 2, 0), 70, 12)),
    DISCARD_AND_REUSE(PowerCutPlan.of(DiskRecipe.plain(512, 64 << 10, 20), mix(0, 10, 0, 10, 3, 0), 120, 6)),
    DISCARD_AND_REUSE_IN_VERSION_2(
            PowerCutPlan.of(DiskRecipe.plain(512, 64 << 10, 20).withVersion(2), mix(0, 10, 0, 10, 3, 0), 100, 6)),
    /** Clusters keep their place, and their space goes back to the host at once. */
    DISCARD_IN_PLACE(PowerCutPlan.of(DiskRecipe.plain(512, 64 << 10, 20), mix(0, 10, 0, 10, 3, 0), 120, 6)
            .withWrites(WriteOptions.DEFAULTS.withDiscardNoUnref(true))),
    ZEROS(PowerCutPlan.of(DiskRecipe.plain(1024, 64 << 10, 20), mix(0, 8, 10, 2, 3, 0), 90, 6)),
    /** The image begins full of zeroed and compressed clusters. */
    ONTO_ZEROS_AND_COMPRESSED(PowerCutPlan.of(DiskRecipe.plain(2048, 128 << 10, 80), mix(0, 14, 2, 4, 2, 0), 60, 4)),
    /** A subcluster is a sector here: it is allocated, zeroed and allocated again within its cluster. */
    SUBCLUSTERS(PowerCutPlan.of(
            DiskRecipe.plain(16384, 400 << 10, 12).withExtendedL2().over(new DiskRecipe.Layer(0, 300 << 10, false)),
            mix(1, 14, 6, 2, 3, 0),
            60,
            3)),
    SUBCLUSTERS_OVER_NOTHING(
            PowerCutPlan.of(DiskRecipe.plain(16384, 200 << 10, 20).withExtendedL2(), mix(0, 10, 8, 5, 3, 1), 70, 3)),
    REFCOUNTS_OF_ONE_BIT(
            PowerCutPlan.of(DiskRecipe.plain(512, 100 << 10, 30).withRefcountBits(1), mix(0, 10, 3, 6, 2, 1), 80, 6)),
    FLUSH_AFTER_EACH(PowerCutPlan.of(DiskRecipe.plain(512, 100 << 10, 10), mix(0, 6, 2, 3, 12, 0), 80, 4)),
    OPEN_AND_CLOSE(PowerCutPlan.of(DiskRecipe.plain(512, 100 << 10, 10), mix(0, 6, 2, 3, 1, 6), 60, 4)),
    /** What is written is compressed, and its neighbours in the file's clusters are not to suffer. */
    COMPRESSED(PowerCutPlan.of(DiskRecipe.plain(512, 150 << 10, 0), mix(0, 20, 1, 1, 3, 1), 60, 6)
            .compressing()),
    COMPRESSED_AND_REUSED(PowerCutPlan.of(DiskRecipe.plain(1024, 48 << 10, 20), mix(0, 10, 4, 6, 4, 0), 110, 6)
            .compressing()),
    COMPRESSED_FROM_RAW(PowerCutPlan.of(
                    DiskRecipe.plain(4096, 200 << 10, 10)
                            .withRefcountBits(2)
                            .over(new DiskRecipe.Layer(0, 150 << 10, false)),
                    mix(1, 12, 2, 2, 3, 0),
                    50,
                    3)
            .compressing()),
    COMPRESSED_SUBCLUSTERS(
            PowerCutPlan.of(DiskRecipe.plain(16384, 400 << 10, 12).withExtendedL2(), mix(1, 14, 3, 3, 3, 0), 50, 3)
                    .compressing()),
    COMPRESSED_AND_LAZY(PowerCutPlan.of(DiskRecipe.plain(512, 100 << 10, 20), mix(0, 12, 2, 4, 3, 1), 70, 6)
            .compressing()
            .lazily()),
    /** Cold caches, with no dirty slice ever written out early by their size alone. */
    LARGE_CACHES(PowerCutPlan.of(DiskRecipe.plain(512, 200 << 10, 10), mix(1, 10, 3, 4, 1, 0), 120, 6)
            .withDefaultCaches()),
    /** Refcounts reach the file when it closes: a crash leaves it to be repaired. */
    LAZY(PowerCutPlan.of(DiskRecipe.plain(512, 100 << 10, 20), mix(0, 10, 3, 8, 3, 1), 90, 6)
            .lazily()),
    /** So many blocks are dirty that some are written early. */
    LAZY_IN_A_SMALL_CACHE(
            PowerCutPlan.of(DiskRecipe.plain(512, 256 << 10, 0).withRefcountBits(64), mix(0, 20, 0, 4, 3, 0), 70, 12)
                    .lazily()),
    LAZY_FROM_RAW(PowerCutPlan.of(
                    DiskRecipe.plain(2048, 128 << 10, 40).over(new DiskRecipe.Layer(0, 100 << 10, false)),
                    mix(1, 12, 2, 4, 2, 1),
                    60,
                    4)
            .withDefaultCaches()
            .lazily()),
    LAZY_WITH_TABLE_GROWTH(
            PowerCutPlan.of(DiskRecipe.plain(512, 3 << 20, 0).withRefcountBits(64), mix(0, 20, 0, 1, 2, 0), 40, 20)
                    .lazily()) {
        @Override
        void prepare(DiskRecipe.Made made, SplittableRandom random) throws IOException {
            REFCOUNT_TABLE_GROWTH.prepare(made, random);
        }

        @Override
        boolean led(byte[] image) {
            return REFCOUNT_TABLE_GROWTH.led(image);
        }
    },
    /** Discards and zeros leave holes all over the file, which it is made shorter by. */
    COMPACTED(PowerCutPlan.of(DiskRecipe.plain(512, 64 << 10, 20), mix(0, 10, 4, 8, 3, 0), 90, 6)
            .inRounds(round -> (file, environment) ->
                    DiskCompaction.compact(file, ImageOptions.defaults(), WorkObserver.NONE, environment))),
    AMENDED(PowerCutPlan.of(DiskRecipe.plain(512, 100 << 10, 20), mix(0, 10, 3, 4, 3, 0), 60, 6)
            .inRounds(round -> (file, environment) -> HeaderAmender.amend(
                    file,
                    new AmendOptions(null, List.of(64, 8, 16).get(round), null, null, null),
                    WorkObserver.NONE,
                    environment))),
    /** Off its backing file, and upon it again. */
    REBASED(PowerCutPlan.of(
                    DiskRecipe.plain(2048, 128 << 10, 10).over(new DiskRecipe.Layer(0, 150 << 10, false)),
                    mix(1, 12, 3, 3, 2, 0),
                    60,
                    4)
            .inRounds(round -> (file, environment) -> DiskRebase.rebase(
                    file,
                    ImageOptions.defaults(),
                    round == 1
                            ? new DiskRebase.Backing(
                                    "layer0.raw", ImageOptions.defaults().withFormat(ImageFormat.RAW))
                            : null,
                    WorkObserver.NONE,
                    environment))),
    COMMITTED(PowerCutPlan.of(
                    DiskRecipe.plain(1024, 150 << 10, 10).over(new DiskRecipe.Layer(4096, 100 << 10, false)),
                    mix(1, 12, 3, 3, 2, 0),
                    60,
                    4)
            .marksDirty()
            .inRounds(round -> (file, environment) ->
                    DiskCommit.commit(file, ImageOptions.defaults(), 1, round == 1, WorkObserver.NONE, environment))),
    /** Zeros that come as data give their space back. */
    DETECTED_ZEROES(PowerCutPlan.of(DiskRecipe.plain(512, 64 << 10, 20), mix(0, 8, 2, 2, 3, 0), 80, 6)
            .withWrites(WriteOptions.DEFAULTS.withDetectZeroes(WriteOptions.DetectZeroes.UNMAP))
            .between(2, PowerCutWorkload::zeroesAsData)),
    SNAPSHOTS(PowerCutPlan.of(DiskRecipe.plain(512, 64 << 10, 12), mix(1, 12, 3, 4, 3, 1), 60, 6)
            .between(5, SnapshotStep::new)
            .marksDirty()),
    /** In each table some clusters are shared and some are not. */
    SNAPSHOTS_OF_SUBCLUSTERS(PowerCutPlan.of(
                    DiskRecipe.plain(16384, 300 << 10, 12)
                            .withExtendedL2()
                            .over(new DiskRecipe.Layer(0, 200 << 10, false)),
                    mix(1, 12, 3, 4, 3, 0),
                    40,
                    3)
            .between(4, SnapshotStep::new)
            .marksDirty()),
    SNAPSHOTS_OF_COMPRESSED(PowerCutPlan.of(DiskRecipe.plain(1024, 64 << 10, 12), mix(1, 12, 3, 4, 3, 0), 50, 6)
            .compressing()
            .between(5, SnapshotStep::new)
            .marksDirty()),
    SNAPSHOTS_AND_LAZY(PowerCutPlan.of(DiskRecipe.plain(512, 64 << 10, 12), mix(1, 12, 3, 4, 3, 1), 50, 6)
            .lazily()
            .between(5, SnapshotStep::new)),
    /** Both ways, over the ends of clusters and of L2 tables, so that the L1 table grows and moves. */
    RESIZED(PowerCutPlan.of(DiskRecipe.plain(512, 60 << 10, 12), mix(1, 12, 3, 4, 3, 1), 60, 6)
            .marksDirty()
            .between(5, ResizeStep::new)),
    RESIZED_OVER_RAW(PowerCutPlan.of(
                    DiskRecipe.plain(1024, 60 << 10, 12).over(new DiskRecipe.Layer(0, 150 << 10, false)),
                    mix(1, 12, 3, 4, 3, 0),
                    50,
                    4)
            .marksDirty()
            .between(5, ResizeStep::new)),
    DATA_FILE(PowerCutPlan.of(
                    DiskRecipe.plain(1024, 100 << 10, 10)
                            .withDataFile(DiskRecipe.DataFile.EXTERNAL)
                            .over(new DiskRecipe.Layer(0, 60 << 10, false)),
                    mix(1, 12, 4, 4, 3, 1),
                    70,
                    5)
            .marksDirty()
            .between(12, ResizeStep::new)
            .withoutQemu()),
    BITMAPS(PowerCutPlan.of(DiskRecipe.plain(512, 100 << 10, 10), mix(1, 12, 4, 4, 3, 2), 60, 6)
            .between(4, BitmapStep::new)),
    /** Passphrases come and go; the one that the image was made with opens it at any moment. */
    KEY_SLOTS(PowerCutPlan.of(DiskRecipe.plain(4096, 60 << 10, 0), mix(1, 12, 4, 4, 3, 0), 24, 4)
            .withEncrypt(EncryptedImages.options().encrypt())
            .between(4, KeySlotStep::new)
            .withoutQemu()) {
        @Override
        DiskRecipe.Made make(Path folder, SplittableRandom random) throws IOException {
            int size = recipe().sizeBytes();
            Path file = EncryptedImages.make(folder.resolve("disk.qcow2"), size, recipe().clusterBytes(), "xts", null);
            return new DiskRecipe.Made(
                    new GuestSession.Disk(file, recipe().clusterBytes(), false), ModelDisk.ofZeros(size));
        }
    },
    /** Fills the file up to where the refcount table of one cluster ends, and over it. */
    REFCOUNT_TABLE_GROWTH(
            PowerCutPlan.of(DiskRecipe.plain(512, 3 << 20, 0).withRefcountBits(64), mix(0, 20, 0, 1, 2, 0), 40, 20)) {
        @Override
        void prepare(DiskRecipe.Made made, SplittableRandom random) throws IOException {
            // 64 blocks of 64 counts each are 4096 clusters; 3920 of data need about 125 tables and blocks besides.
            byte[] data = new byte[3920 * 512];
            random.nextBytes(data);
            try (DiskImage image = TestImages.open(made.disk().file())) {
                TestImages.write(image, 1 << 20, data);
            }
            made.model().write(1 << 20, data);
            made.model().flushed();
        }

        @Override
        boolean led(byte[] image) {
            return ByteBuffer.wrap(image).getInt(56) > 1;
        }
    };

    private static final String PROPERTY = "cowslip.workload";

    private final PowerCutPlan plan;

    PowerCutWorkload(PowerCutPlan plan) {
        this.plan = plan;
    }

    private static GuestOperations.Mix mix(int reads, int writes, int zeros, int discards, int flushes, int reopens) {
        return new GuestOperations.Mix(reads, writes, zeros, discards, flushes, reopens);
    }

    private static Step zeroesAsData(GuestSession session, SplittableRandom random) {
        return () -> {
            int offset = 512 * random.nextInt(session.sizeBytes() / 512 - 8);
            session.write(offset, new byte[512 * random.nextInt(1, 9)]);
        };
    }

    /** Those of this run, where no other is asked for: all of them, or those that {@code inBuild} takes. */
    static Stream<PowerCutWorkload> selected(Predicate<PowerCutWorkload> inBuild) {
        String only = System.getProperty(PROPERTY);
        return Stream.of(values())
                .filter(workload -> only == null
                        ? Seeds.longRun() || inBuild.test(workload)
                        : workload.name().equals(only));
    }

    /** How to run {@code test} again with this workload and {@code seed}. */
    String replay(Class<?> test, long seed) {
        return Seeds.replay(test, seed) + " -D" + PROPERTY + "=" + this;
    }

    DiskRecipe recipe() {
        return plan.recipe();
    }

    /** Makes the disk in {@code folder}. */
    DiskRecipe.Made make(Path folder, SplittableRandom random) throws IOException {
        return recipe().make(folder, random);
    }

    /** Whether QEMU can open the image where a state of it is put. */
    boolean askQemu() {
        return plan.qemuOpensIt();
    }

    /** Whether some states are to be repaired by who opens them. */
    boolean marksDirty() {
        return plan.dirty();
    }

    ImageOptions options() {
        return plan.options();
    }

    /** One request, or one piece of other work. */
    @FunctionalInterface
    interface Step {
        void run() throws IOException;
    }

    final void run(GuestSession session, SplittableRandom random) throws IOException {
        for (Step step : steps(session, random)) {
            step.run();
        }
    }

    /** What is done one after the other. */
    List<Step> steps(GuestSession session, SplittableRandom random) {
        return plan.steps(session, random);
    }

    /** What comes before the power may be cut. */
    void prepare(DiskRecipe.Made made, SplittableRandom random) throws IOException {}

    /** Whether {@code image}, as the workload left it, shows that it led where it was meant to. */
    boolean led(byte[] image) {
        return true;
    }
}
