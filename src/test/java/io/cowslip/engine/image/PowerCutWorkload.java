package io.cowslip.engine.image;

import io.cowslip.engine.cache.CacheOptions;
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
import io.cowslip.testing.TestImages;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.SplittableRandom;
import java.util.function.IntFunction;

/** What guests do while the power is cut: each workload leads through other parts of the write path. */
enum PowerCutWorkload {
    /** New clusters and new L2 tables only. */
    ALLOCATION(DiskRecipe.plain(512, 300 << 10, 0), mix(0, 20, 0, 0, 3, 0), 60, 4),
    ALLOCATION_OF_LARGER_CLUSTERS(DiskRecipe.plain(4096, 2 << 20, 0), mix(0, 20, 0, 0, 3, 1), 50, 4),
    COPY_ON_WRITE_FROM_RAW(
            DiskRecipe.plain(2048, 200 << 10, 4).over(new DiskRecipe.Layer(0, 150 << 10, false)),
            mix(1, 12, 2, 2, 2, 0),
            50,
            3),
    COPY_ON_WRITE_FROM_A_CHAIN(
            DiskRecipe.plain(1024, 150 << 10, 4)
                    .over(new DiskRecipe.Layer(4096, 200 << 10, true), new DiskRecipe.Layer(512, 100 << 10, false)),
            mix(1, 12, 2, 2, 2, 0),
            50,
            3),
    COPY_ON_WRITE_IN_VERSION_2(
            DiskRecipe.plain(1024, 100 << 10, 4).withVersion(2).over(new DiskRecipe.Layer(0, 64 << 10, false)),
            mix(1, 12, 3, 3, 2, 0),
            50,
            3),
    /** Overwrites of clusters that are there: whole sectors and parts of them. */
    IN_PLACE(DiskRecipe.plain(4096, 48 << 10, 60), mix(0, 20, 0, 0, 3, 0), 60, 2),
    /** One refcount block covers 64 clusters: the file grows through many. */
    REFCOUNT_BLOCK_GROWTH(DiskRecipe.plain(512, 256 << 10, 0).withRefcountBits(64), mix(0, 20, 0, 1, 2, 0), 70, 12),
    DISCARD_AND_REUSE(DiskRecipe.plain(512, 64 << 10, 20), mix(0, 10, 0, 10, 3, 0), 120, 6),
    DISCARD_AND_REUSE_IN_VERSION_2(DiskRecipe.plain(512, 64 << 10, 20).withVersion(2), mix(0, 10, 0, 10, 3, 0), 100, 6),
    /** Clusters keep their place, and their space goes back to the host at once. */
    DISCARD_IN_PLACE(DiskRecipe.plain(512, 64 << 10, 20), mix(0, 10, 0, 10, 3, 0), 120, 6) {
        @Override
        ImageOptions options() {
            return super.options().withWrites(WriteOptions.DEFAULTS.withDiscardNoUnref(true));
        }
    },
    ZEROS(DiskRecipe.plain(1024, 64 << 10, 20), mix(0, 8, 10, 2, 3, 0), 90, 6),
    /** The image begins full of zeroed and compressed clusters. */
    ONTO_ZEROS_AND_COMPRESSED(DiskRecipe.plain(2048, 128 << 10, 80), mix(0, 14, 2, 4, 2, 0), 60, 4),
    /** A subcluster is a sector here: it is allocated, zeroed and allocated again within its cluster. */
    SUBCLUSTERS(
            DiskRecipe.plain(16384, 400 << 10, 12).withExtendedL2().over(new DiskRecipe.Layer(0, 300 << 10, false)),
            mix(1, 14, 6, 2, 3, 0),
            60,
            3),
    SUBCLUSTERS_OVER_NOTHING(DiskRecipe.plain(16384, 200 << 10, 20).withExtendedL2(), mix(0, 10, 8, 5, 3, 1), 70, 3),
    REFCOUNTS_OF_ONE_BIT(DiskRecipe.plain(512, 100 << 10, 30).withRefcountBits(1), mix(0, 10, 3, 6, 2, 1), 80, 6),
    FLUSH_AFTER_EACH(DiskRecipe.plain(512, 100 << 10, 10), mix(0, 6, 2, 3, 12, 0), 80, 4),
    OPEN_AND_CLOSE(DiskRecipe.plain(512, 100 << 10, 10), mix(0, 6, 2, 3, 1, 6), 60, 4),
    /** What is written is compressed, and its neighbours in the file's clusters are not to suffer. */
    COMPRESSED(DiskRecipe.plain(512, 150 << 10, 0), mix(0, 20, 1, 1, 3, 1), 60, 6) {
        @Override
        ImageOptions options() {
            return compressing(super.options());
        }
    },
    COMPRESSED_AND_REUSED(DiskRecipe.plain(1024, 48 << 10, 20), mix(0, 10, 4, 6, 4, 0), 110, 6) {
        @Override
        ImageOptions options() {
            return compressing(super.options());
        }
    },
    COMPRESSED_FROM_RAW(
            DiskRecipe.plain(4096, 200 << 10, 10).withRefcountBits(2).over(new DiskRecipe.Layer(0, 150 << 10, false)),
            mix(1, 12, 2, 2, 3, 0),
            50,
            3) {
        @Override
        ImageOptions options() {
            return compressing(super.options());
        }
    },
    COMPRESSED_SUBCLUSTERS(DiskRecipe.plain(16384, 400 << 10, 12).withExtendedL2(), mix(1, 14, 3, 3, 3, 0), 50, 3) {
        @Override
        ImageOptions options() {
            return compressing(super.options());
        }
    },
    COMPRESSED_AND_LAZY(DiskRecipe.plain(512, 100 << 10, 20), mix(0, 12, 2, 4, 3, 1), 70, 6) {
        @Override
        ImageOptions options() {
            return compressing(super.options()).withLazyRefcounts(true);
        }
    },
    /** Cold caches, with no dirty slice ever written out early by their size alone. */
    LARGE_CACHES(DiskRecipe.plain(512, 200 << 10, 10), mix(1, 10, 3, 4, 1, 0), 120, 6) {
        @Override
        ImageOptions options() {
            return TestImages.withCaches(CacheOptions.DEFAULTS, false);
        }
    },
    /** Refcounts reach the file when it closes: a crash leaves it to be repaired. */
    LAZY(DiskRecipe.plain(512, 100 << 10, 20), mix(0, 10, 3, 8, 3, 1), 90, 6) {
        @Override
        ImageOptions options() {
            return super.options().withLazyRefcounts(true);
        }
    },
    /** So many blocks are dirty that some are written early. */
    LAZY_IN_A_SMALL_CACHE(DiskRecipe.plain(512, 256 << 10, 0).withRefcountBits(64), mix(0, 20, 0, 4, 3, 0), 70, 12) {
        @Override
        ImageOptions options() {
            return super.options().withLazyRefcounts(true);
        }
    },
    LAZY_FROM_RAW(
            DiskRecipe.plain(2048, 128 << 10, 40).over(new DiskRecipe.Layer(0, 100 << 10, false)),
            mix(1, 12, 2, 4, 2, 1),
            60,
            4) {
        @Override
        ImageOptions options() {
            return TestImages.withCaches(CacheOptions.DEFAULTS, false).withLazyRefcounts(true);
        }
    },
    LAZY_WITH_TABLE_GROWTH(DiskRecipe.plain(512, 3 << 20, 0).withRefcountBits(64), mix(0, 20, 0, 1, 2, 0), 40, 20) {
        @Override
        ImageOptions options() {
            return super.options().withLazyRefcounts(true);
        }

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
    COMPACTED(DiskRecipe.plain(512, 64 << 10, 20), mix(0, 10, 4, 8, 3, 0), 90, 6) {
        @Override
        List<Step> steps(GuestSession session, SplittableRandom random) {
            return inRounds(
                    session,
                    random,
                    round -> (file, environment) ->
                            DiskCompaction.compact(file, ImageOptions.defaults(), WorkObserver.NONE, environment));
        }
    },
    AMENDED(DiskRecipe.plain(512, 100 << 10, 20), mix(0, 10, 3, 4, 3, 0), 60, 6) {
        @Override
        List<Step> steps(GuestSession session, SplittableRandom random) {
            int[] bits = {64, 8, 16};
            return inRounds(
                    session,
                    random,
                    round -> (file, environment) -> HeaderAmender.amend(
                            file,
                            new AmendOptions(null, bits[round], null, null, null),
                            WorkObserver.NONE,
                            environment));
        }
    },
    /** Off its backing file, and upon it again. */
    REBASED(
            DiskRecipe.plain(2048, 128 << 10, 10).over(new DiskRecipe.Layer(0, 150 << 10, false)),
            mix(1, 12, 3, 3, 2, 0),
            60,
            4) {
        @Override
        List<Step> steps(GuestSession session, SplittableRandom random) {
            ImageOptions raw = ImageOptions.defaults().withFormat(ImageFormat.RAW);
            return inRounds(
                    session,
                    random,
                    round -> (file, environment) -> DiskRebase.rebase(
                            file,
                            ImageOptions.defaults(),
                            round == 1 ? new DiskRebase.Backing("layer0.raw", raw) : null,
                            WorkObserver.NONE,
                            environment));
        }
    },
    COMMITTED(
            DiskRecipe.plain(1024, 150 << 10, 10).over(new DiskRecipe.Layer(4096, 100 << 10, false)),
            mix(1, 12, 3, 3, 2, 0),
            60,
            4) {
        @Override
        boolean marksDirty() {
            return true;
        }

        @Override
        List<Step> steps(GuestSession session, SplittableRandom random) {
            return inRounds(
                    session,
                    random,
                    round -> (file, environment) -> DiskCommit.commit(
                            file, ImageOptions.defaults(), 1, round == 1, WorkObserver.NONE, environment));
        }
    },
    /** Zeros that come as data give their space back. */
    DETECTED_ZEROES(DiskRecipe.plain(512, 64 << 10, 20), mix(0, 8, 2, 2, 3, 0), 80, 6) {
        @Override
        ImageOptions options() {
            return super.options().withWrites(WriteOptions.DEFAULTS.withDetectZeroes(WriteOptions.DetectZeroes.UNMAP));
        }

        @Override
        List<Step> steps(GuestSession session, SplittableRandom random) {
            return between(session, random, 2, () -> {
                int offset = 512 * random.nextInt(session.sizeBytes() / 512 - 8);
                session.write(offset, new byte[512 * random.nextInt(1, 9)]);
            });
        }
    },
    SNAPSHOTS(DiskRecipe.plain(512, 64 << 10, 12), mix(1, 12, 3, 4, 3, 1), 60, 6) {
        @Override
        List<Step> steps(GuestSession session, SplittableRandom random) {
            return between(session, random, 5, new SnapshotStep(session, random));
        }

        @Override
        boolean marksDirty() {
            return true;
        }
    },
    /** In each table some clusters are shared and some are not. */
    SNAPSHOTS_OF_SUBCLUSTERS(
            DiskRecipe.plain(16384, 300 << 10, 12).withExtendedL2().over(new DiskRecipe.Layer(0, 200 << 10, false)),
            mix(1, 12, 3, 4, 3, 0),
            40,
            3) {
        @Override
        List<Step> steps(GuestSession session, SplittableRandom random) {
            return between(session, random, 4, new SnapshotStep(session, random));
        }

        @Override
        boolean marksDirty() {
            return true;
        }
    },
    SNAPSHOTS_OF_COMPRESSED(DiskRecipe.plain(1024, 64 << 10, 12), mix(1, 12, 3, 4, 3, 0), 50, 6) {
        @Override
        ImageOptions options() {
            return compressing(super.options());
        }

        @Override
        List<Step> steps(GuestSession session, SplittableRandom random) {
            return between(session, random, 5, new SnapshotStep(session, random));
        }

        @Override
        boolean marksDirty() {
            return true;
        }
    },
    SNAPSHOTS_AND_LAZY(DiskRecipe.plain(512, 64 << 10, 12), mix(1, 12, 3, 4, 3, 1), 50, 6) {
        @Override
        ImageOptions options() {
            return super.options().withLazyRefcounts(true);
        }

        @Override
        List<Step> steps(GuestSession session, SplittableRandom random) {
            return between(session, random, 5, new SnapshotStep(session, random));
        }
    },
    /** Both ways, over the ends of clusters and of L2 tables, so that the L1 table grows and moves. */
    RESIZED(DiskRecipe.plain(512, 60 << 10, 12), mix(1, 12, 3, 4, 3, 1), 60, 6) {
        @Override
        boolean marksDirty() {
            return true;
        }

        @Override
        List<Step> steps(GuestSession session, SplittableRandom random) {
            return between(session, random, 5, new ResizeStep(session, random));
        }
    },
    RESIZED_OVER_RAW(
            DiskRecipe.plain(1024, 60 << 10, 12).over(new DiskRecipe.Layer(0, 150 << 10, false)),
            mix(1, 12, 3, 4, 3, 0),
            50,
            4) {
        @Override
        boolean marksDirty() {
            return true;
        }

        @Override
        List<Step> steps(GuestSession session, SplittableRandom random) {
            return between(session, random, 5, new ResizeStep(session, random));
        }
    },
    DATA_FILE(
            DiskRecipe.plain(1024, 100 << 10, 10)
                    .withDataFile(DiskRecipe.DataFile.EXTERNAL)
                    .over(new DiskRecipe.Layer(0, 60 << 10, false)),
            mix(1, 12, 4, 4, 3, 1),
            70,
            5) {
        @Override
        boolean marksDirty() {
            return true;
        }

        @Override
        List<Step> steps(GuestSession session, SplittableRandom random) {
            return between(session, random, 12, new ResizeStep(session, random));
        }

        @Override
        boolean askQemu() {
            return false;
        }
    },
    BITMAPS(DiskRecipe.plain(512, 100 << 10, 10), mix(1, 12, 4, 4, 3, 2), 60, 6) {
        @Override
        List<Step> steps(GuestSession session, SplittableRandom random) {
            return between(session, random, 4, new BitmapStep(session, random));
        }
    },
    /** Passphrases come and go; the one that the image was made with opens it at any moment. */
    KEY_SLOTS(DiskRecipe.plain(4096, 60 << 10, 0), mix(1, 12, 4, 4, 3, 0), 24, 4) {
        @Override
        DiskRecipe.Made make(Path folder, SplittableRandom random) throws IOException {
            int size = recipe().sizeBytes();
            Path file = EncryptedImages.make(folder.resolve("disk.qcow2"), size, recipe().clusterBytes(), "xts", null);
            return new DiskRecipe.Made(
                    new GuestSession.Disk(file, recipe().clusterBytes(), false), ModelDisk.ofZeros(size));
        }

        @Override
        ImageOptions options() {
            return super.options().withEncrypt(EncryptedImages.options().encrypt());
        }

        @Override
        List<Step> steps(GuestSession session, SplittableRandom random) {
            return between(session, random, 4, new KeySlotStep(session, random));
        }

        @Override
        boolean askQemu() {
            return false;
        }
    },
    /** Fills the file up to where the refcount table of one cluster ends, and over it. */
    REFCOUNT_TABLE_GROWTH(DiskRecipe.plain(512, 3 << 20, 0).withRefcountBits(64), mix(0, 20, 0, 1, 2, 0), 40, 20) {
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

    private final DiskRecipe recipe;
    private final GuestOperations.Mix mix;
    private final int requests;
    private final int longestClusters;

    PowerCutWorkload(DiskRecipe recipe, GuestOperations.Mix mix, int requests, int longestClusters) {
        this.recipe = recipe;
        this.mix = mix;
        this.requests = requests;
        this.longestClusters = longestClusters;
    }

    private static GuestOperations.Mix mix(int reads, int writes, int zeros, int discards, int flushes, int reopens) {
        return new GuestOperations.Mix(reads, writes, zeros, discards, flushes, reopens);
    }

    private static ImageOptions compressing(ImageOptions options) {
        return options.withWrites(WriteOptions.DEFAULTS.withCompress(true));
    }

    DiskRecipe recipe() {
        return recipe;
    }

    /** Makes the disk in {@code folder}. */
    DiskRecipe.Made make(Path folder, SplittableRandom random) throws IOException {
        return recipe.make(folder, random);
    }

    /** Whether QEMU can open the image where a state of it is put. */
    boolean askQemu() {
        return true;
    }

    /** Whether some states are to be repaired by who opens them. */
    boolean marksDirty() {
        return Boolean.TRUE.equals(options().lazyRefcounts());
    }

    /** The smallest caches, so that tables are written out and read back all the time. */
    ImageOptions options() {
        return TestImages.smallestCaches(512);
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
        return requests(session, random, requests);
    }

    private List<Step> requests(GuestSession session, SplittableRandom random, int count) {
        GuestOperations operations = new GuestOperations(session, random, longestClusters * recipe.clusterBytes());
        return Collections.nCopies(count, () -> operations.run(1, mix));
    }

    /** Three times over: a third of the requests, and then something done while the image is closed. */
    List<Step> inRounds(GuestSession session, SplittableRandom random, IntFunction<GuestSession.Maintenance> work) {
        List<Step> steps = new ArrayList<>();
        for (int round = 0; round < 3; round++) {
            GuestSession.Maintenance maintenance = work.apply(round);
            steps.addAll(requests(session, random, requests / 3));
            steps.add(() -> session.whileClosed(maintenance));
        }
        return steps;
    }

    /** Other work after each {@code every} requests. */
    List<Step> between(GuestSession session, SplittableRandom random, int every, Step work) {
        List<Step> steps = new ArrayList<>();
        for (int done = 0; done < requests; done += every) {
            steps.addAll(requests(session, random, every));
            steps.add(work);
        }
        return steps;
    }

    /** What comes before the power may be cut. */
    void prepare(DiskRecipe.Made made, SplittableRandom random) throws IOException {}

    /** Whether {@code image}, as the workload left it, shows that it led where it was meant to. */
    boolean led(byte[] image) {
        return true;
    }
}
