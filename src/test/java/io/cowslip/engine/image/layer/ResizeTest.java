package io.cowslip.engine.image.layer;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import io.cowslip.engine.ImageException;
import io.cowslip.engine.host.HostFiles;
import io.cowslip.engine.image.DiskImage;
import io.cowslip.engine.image.RandomRecipes;
import io.cowslip.engine.image.file.ImageEnvironment;
import io.cowslip.engine.image.options.ImageOptions;
import io.cowslip.engine.image.options.Preallocation;
import io.cowslip.testing.CrashVerifier;
import io.cowslip.testing.CrashingHostFiles;
import io.cowslip.testing.DiskRecipe;
import io.cowslip.testing.FaultyHostFiles;
import io.cowslip.testing.GuestOperations;
import io.cowslip.testing.GuestSession;
import io.cowslip.testing.ImageAssertions;
import io.cowslip.testing.ModelDisk;
import io.cowslip.testing.NeedsQemu;
import io.cowslip.testing.RefcountAudit;
import io.cowslip.testing.Seeds;
import io.cowslip.testing.TestImages;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.SplittableRandom;
import java.util.stream.LongStream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.TestReporter;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * Disks of every kind that get other sizes while guests work on them: against a plain array and QEMU, with the power cut
 * at any point, and on hosts that refuse.
 */
@NeedsQemu
@Tag("long")
final class ResizeTest {
    private static final GuestOperations.Mix MIX = new GuestOperations.Mix(5, 30, 8, 8, 4, 2);
    private static final GuestOperations.Mix IN_ONE_OPENING = new GuestOperations.Mix(2, 30, 8, 8, 4, 0);
    private static final ImageOptions SMALL = TestImages.smallestCaches(512);

    @TempDir
    Path folder;

    private final Map<String, byte[]> taken = new LinkedHashMap<>();

    /** The first once left a raw data file that was longer than its disk. */
    static LongStream seeds() {
        return LongStream.concat(LongStream.of(205_823_106_834_668_616L), Seeds.seeds(20, 500));
    }

    static LongStream crashSeeds() {
        return Seeds.seeds(8, 60);
    }

    /** In the first two a growth was refused and taken back, and the next one went less far. */
    static LongStream failureSeeds() {
        return LongStream.concat(
                LongStream.of(8_466_439_796_281_873_968L, 2_118_805_799_502_154_245L), Seeds.seeds(14, 300));
    }

    @ParameterizedTest(name = "seed {0}")
    @MethodSource("seeds")
    void holdWhatTheDiskHeld(long seed) throws IOException {
        SplittableRandom random = new SplittableRandom(seed);
        DiskRecipe recipe = recipe(random);
        try {
            DiskRecipe.Made made = recipe.make(folder, random);
            Path file = made.disk().file();
            ImageEnvironment environment = TestImages.environment(HostFiles.posix());
            ImageOptions options = random.nextBoolean() ? SMALL : ImageOptions.defaults();
            if (recipe.version() > 2) {
                options = options.withLazyRefcounts(random.nextBoolean());
            }
            try (GuestSession guest = GuestSession.open(made.disk(), options, environment, made.model())) {
                work(guest, recipe, random, 8, MIX);
            }
            ImageAssertions.assertThat(file).passesQemuCheck().passesAudit().holdsForQemu(made.model());
            requireRawView(recipe, made.model());
            for (Map.Entry<String, byte[]> snapshot : taken.entrySet()) {
                ImageOptions reading = TestImages.readOnly().withSnapshot(snapshot.getKey());
                try (DiskImage image = DiskImage.open(file, reading, environment)) {
                    ImageAssertions.assertThat(image).readsAs(ModelDisk.of(snapshot.getValue()));
                }
            }
        } catch (IOException | RuntimeException | AssertionError e) {
            throw new AssertionError(recipe + ": " + e.getMessage() + "; " + Seeds.replay(getClass(), seed), e);
        }
    }

    private void requireRawView(DiskRecipe recipe, ModelDisk model) throws IOException {
        if (recipe.dataFile() == DiskRecipe.DataFile.RAW) {
            assertThat(Files.readAllBytes(folder.resolve(DiskRecipe.DATA_FILE)))
                    .isEqualTo(model.read(0, model.sizeBytes()));
        }
    }

    private static DiskRecipe recipe(SplittableRandom random) {
        if (random.nextInt(4) > 0) {
            return RandomRecipes.recipe(random);
        }
        int clusterBytes = 512 << random.nextInt(9);
        int most = Math.clamp(40L * clusterBytes, 64 << 10, 4 << 20);
        DiskRecipe recipe = DiskRecipe.plain(clusterBytes, 512 * random.nextInt(1, most / 512 + 1), random.nextInt(12));
        return switch (random.nextInt(3)) {
            case 0 -> recipe.withDataFile(DiskRecipe.DataFile.RAW);
            case 1 -> recipe.withDataFile(DiskRecipe.DataFile.EXTERNAL);
            default ->
                recipe.withDataFile(DiskRecipe.DataFile.EXTERNAL).over(new DiskRecipe.Layer(1024, 200 << 10, false));
        };
    }

    private void work(
            GuestSession guest, DiskRecipe recipe, SplittableRandom random, int rounds, GuestOperations.Mix mix)
            throws IOException {
        GuestOperations operations =
                new GuestOperations(guest, random, 16 * guest.disk().clusterBytes());
        boolean snapshots = recipe.version() > 2
                && recipe.refcountBits() >= 8
                && recipe.dataFile() == DiskRecipe.DataFile.NONE
                && random.nextBoolean();
        for (int round = 0; round < rounds; round++) {
            operations.run(random.nextInt(10), mix);
            if (snapshots && random.nextInt(3) == 0) {
                String name = "snap" + taken.size();
                taken.put(name, guest.model().read(0, guest.sizeBytes()));
                guest.image().snapshots().create(name, 1_700_000_000, 5);
            }
            int sizeBytes = otherSize(guest, recipe, random);
            guest.resize(sizeBytes, preallocation(guest.sizeBytes() < sizeBytes, random));
            guest.read(0, guest.sizeBytes());
            if (!taken.isEmpty() && random.nextInt(3) == 0) {
                revert(guest, random);
            }
        }
    }

    /** The disk takes the snapshot's size. */
    private void revert(GuestSession guest, SplittableRandom random) throws IOException {
        List<String> names = new ArrayList<>(taken.keySet());
        String name = names.get(random.nextInt(names.size()));
        byte[] then = Objects.requireNonNull(taken.get(name));
        guest.image().snapshots().revert(name);
        guest.model().resize(then.length);
        guest.model().write(0, then);
        guest.read(0, then.length);
        assertThat(guest.image().virtualSizeBytes()).isEqualTo(then.length);
    }

    private static Preallocation preallocation(boolean grows, SplittableRandom random) {
        Preallocation[] modes = Preallocation.values();
        return grows && random.nextInt(3) == 0 ? modes[random.nextInt(modes.length)] : Preallocation.OFF;
    }

    /** A little more or less, around the ends of clusters and of tables, or anything. */
    private static int otherSize(GuestSession guest, DiskRecipe recipe, SplittableRandom random) {
        int cluster = guest.disk().clusterBytes();
        long table = (long) cluster * (cluster / (recipe.extendedL2() ? 16 : 8));
        long most = Math.clamp(80L * cluster, 1 << 20, 24 << 20);
        long now = guest.sizeBytes();
        long wanted = switch (random.nextInt(5)) {
            case 0 -> now + 512 * random.nextLong(-4, 5);
            case 1 -> now / cluster * cluster + cluster * random.nextLong(-2, 4);
            case 2 -> table * random.nextLong(1, 4) + 512 * random.nextLong(-2, 3);
            default -> 512 * random.nextLong(1, most / 512);
        };
        return (int) Math.clamp(wanted, 512, most);
    }

    @ParameterizedTest(name = "seed {0}")
    @MethodSource("crashSeeds")
    void aPowerCutLeavesOneSizeOrTheOther(long seed, TestReporter reporter) throws IOException {
        SplittableRandom random = new SplittableRandom(seed);
        DiskRecipe recipe = smallRecipe(random);
        try {
            DiskRecipe.Made made = recipe.make(folder, random);
            CrashingHostFiles files = new CrashingHostFiles();
            ImageOptions options =
                    recipe.version() > 2 && random.nextInt(3) == 0 ? SMALL.withLazyRefcounts(true) : SMALL;
            GuestSession guest = GuestSession.open(made.disk(), options, files, made.model());
            try (guest) {
                work(guest, recipe.withRefcountBits(1), random, 8, MIX);
            }
            // QEMU would look for the data file where it was made.
            int qemuEvery = recipe.dataFile() == DiskRecipe.DataFile.NONE ? 40 : Integer.MAX_VALUE;
            CrashVerifier verifier = new CrashVerifier(guest, files, options, qemuEvery, random);
            if (recipe.dataFile() == DiskRecipe.DataFile.RAW) {
                verifier.alsoIn(folder.resolve(DiskRecipe.DATA_FILE), false);
            }
            int states = verifier.verify(Seeds.longRun() ? 600 : 120, Files.createDirectory(folder.resolve("state")));
            reporter.publishEntry("states", Integer.toString(states));
        } catch (IOException | RuntimeException | AssertionError e) {
            throw new AssertionError(recipe + ": " + e.getMessage() + "; " + Seeds.replay(getClass(), seed), e);
        }
    }

    private static DiskRecipe smallRecipe(SplittableRandom random) {
        DiskRecipe recipe = DiskRecipe.plain(512 << random.nextInt(3), 512 * random.nextInt(1, 500), 12);
        return switch (random.nextInt(8)) {
            case 0 -> recipe.withVersion(2);
            case 1 -> recipe.withVersion(2).over(new DiskRecipe.Layer(0, 150 << 10, false));
            case 2 -> recipe.over(new DiskRecipe.Layer(0, 150 << 10, false));
            case 3 -> recipe.withDataFile(DiskRecipe.DataFile.RAW);
            case 4 -> recipe.withDataFile(DiskRecipe.DataFile.EXTERNAL);
            case 5 -> DiskRecipe.plain(16384, recipe.sizeBytes(), 12).withExtendedL2();
            case 6 -> recipe.withRefcountBits(64);
            default -> recipe;
        };
    }

    @ParameterizedTest(name = "seed {0}")
    @MethodSource("failureSeeds")
    void aRefusingHostLosesNothing(long seed) throws IOException {
        SplittableRandom random = new SplittableRandom(seed);
        DiskRecipe recipe = smallRecipe(random);
        try {
            DiskRecipe.Made made = recipe.make(folder, random);
            CrashingHostFiles memory = new CrashingHostFiles();
            FaultyHostFiles files = new FaultyHostFiles(memory);
            GuestSession guest =
                    GuestSession.open(made.disk(), SMALL, TestImages.environment(files), made.model(), memory);
            boolean leaks = false;
            try (guest) {
                for (int round = 0; round < 12; round++) {
                    leaks |= failOnce(guest, recipe, files, random);
                    guest.read(0, guest.sizeBytes());
                }
            }
            RefcountAudit.Report audit =
                    RefcountAudit.of(memory.contentOf(made.disk().file()));
            assertThat(audit.leaksAtMost()).as(audit.toString()).isTrue();
            if (!leaks) {
                assertThat(audit.leaks()).isZero();
            }
            new CrashVerifier(guest, memory, SMALL, Integer.MAX_VALUE, random)
                    .verify(20, Files.createDirectory(folder.resolve("state")));
        } catch (IOException | RuntimeException | AssertionError e) {
            throw new AssertionError(recipe + ": " + e.getMessage() + "; " + Seeds.replay(getClass(), seed), e);
        }
    }

    /** Whether what was lost may not have been let go of. */
    private static boolean failOnce(
            GuestSession guest, DiskRecipe recipe, FaultyHostFiles files, SplittableRandom random) throws IOException {
        GuestOperations operations =
                new GuestOperations(guest, random, 8 * guest.disk().clusterBytes());
        operations.run(random.nextInt(12), IN_ONE_OPENING);
        ImageException.Kind kind = random.nextBoolean() ? ImageException.Kind.IO : ImageException.Kind.NO_SPACE;
        boolean shrinks = false;
        boolean failed = false;
        files.failAfter(random.nextInt(30), random.nextInt(3) == 0 ? 50 : 1, kind);
        try {
            int sizeBytes = otherSize(guest, recipe, random);
            shrinks = sizeBytes < guest.sizeBytes();
            guest.resize(sizeBytes, preallocation(guest.sizeBytes() < sizeBytes, random));
        } catch (ImageException refused) {
            failed = true;
            assertThat(refused.kind()).isEqualTo(kind);
        }
        files.heal();
        if (takesWrites(guest)) {
            guest.settleSize();
            operations.run(random.nextInt(12), IN_ONE_OPENING);
            return failed && shrinks;
        }
        assertThatExceptionOfType(ImageException.class)
                .isThrownBy(() -> guest.image().close());
        guest.reopenAfterClose(false);
        return true;
    }

    private static boolean takesWrites(GuestSession guest) {
        try {
            guest.image().zero(0, 0);
            guest.image().flush();
            return true;
        } catch (IOException stopped) {
            return false;
        }
    }
}
