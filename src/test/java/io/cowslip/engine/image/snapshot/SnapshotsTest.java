package io.cowslip.engine.image.snapshot;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import io.cowslip.engine.ImageException;
import io.cowslip.engine.format.MetadataKind;
import io.cowslip.engine.host.HostFiles;
import io.cowslip.engine.image.DiskImage;
import io.cowslip.engine.image.RandomRecipes;
import io.cowslip.engine.image.Snapshot;
import io.cowslip.engine.image.file.ImageEnvironment;
import io.cowslip.engine.image.options.ImageOptions;
import io.cowslip.engine.image.options.OverlapCheck;
import io.cowslip.engine.image.options.Preallocation;
import io.cowslip.testing.CrashState;
import io.cowslip.testing.CrashStates;
import io.cowslip.testing.CrashingHostFiles;
import io.cowslip.testing.DiskRecipe;
import io.cowslip.testing.FaultyHostFiles;
import io.cowslip.testing.GuestOperations;
import io.cowslip.testing.GuestSession;
import io.cowslip.testing.ImageAssertions;
import io.cowslip.testing.ModelDisk;
import io.cowslip.testing.NeedsQemu;
import io.cowslip.testing.QemuTools;
import io.cowslip.testing.RefcountAudit;
import io.cowslip.testing.Seeds;
import io.cowslip.testing.TestImages;
import java.io.IOException;
import java.io.RandomAccessFile;
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
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;

/** Snapshots that the engine takes, goes back to and deletes, against a copy of the disk for each and against QEMU. */
@NeedsQemu
@Tag("long")
public final class SnapshotsTest {
    private static final GuestOperations.Mix MIX = new GuestOperations.Mix(5, 30, 8, 8, 4, 2);

    private static final OverlapCheck ALL = new OverlapCheck(OverlapCheck.Template.ALL, Map.of());
    private static final long COPIED = 1L << 63;
    private static final int VERSION_BYTE = 7;
    private static final int INCOMPATIBLE_BYTE = 79;
    private static final int DIRTY = 1;
    private static final int L1_TABLE = 40;
    private static final int SNAPSHOT_TABLE = 64;

    @TempDir
    Path folder;

    private final Map<String, byte[]> taken = new LinkedHashMap<>();
    private int names;
    private boolean resizes;

    static LongStream seeds() {
        return Seeds.seeds(12, 200);
    }

    static LongStream crashSeeds() {
        return Seeds.seeds(3, 40);
    }

    @ParameterizedTest(name = "seed {0}")
    @MethodSource("seeds")
    void holdWhatTheDiskHeld(long seed) throws IOException {
        SplittableRandom random = new SplittableRandom(seed);
        DiskRecipe recipe = RandomRecipes.recipe(random);
        if (recipe.refcountBits() < 8) {
            recipe = recipe.withRefcountBits(8);
        }
        try {
            DiskRecipe.Made made = recipe.make(folder, random);
            Path file = made.disk().file();
            ImageEnvironment environment = TestImages.environment(HostFiles.posix());
            ImageOptions options = TestImages.smallestCaches(512).withOverlapCheck(ALL);
            if (recipe.version() > 2) {
                options = options.withLazyRefcounts(random.nextBoolean());
                resizes = true;
            }
            try (GuestSession guest = GuestSession.open(made.disk(), options, environment, made.model())) {
                work(guest, random, 12);
            }
            ImageAssertions.assertThat(file).passesQemuCheck().passesAudit().holdsForQemu(made.model());
            for (Map.Entry<String, byte[]> snapshot : taken.entrySet()) {
                ImageOptions reading = TestImages.readOnly().withSnapshot(snapshot.getKey());
                try (DiskImage image = DiskImage.open(file, reading, environment)) {
                    ImageAssertions.assertThat(image).readsAs(ModelDisk.of(snapshot.getValue()));
                }
            }
            assertThat(QemuTools.info(file).path("snapshots").size()).isEqualTo(taken.size());
            for (Map.Entry<String, byte[]> snapshot : taken.entrySet()) {
                QemuTools.img("snapshot", "-a", snapshot.getKey(), file.toString())
                        .succeeded();
                ImageAssertions.assertThat(file).passesQemuCheck().holdsForQemu(ModelDisk.of(snapshot.getValue()));
                QemuTools.img("snapshot", "-d", snapshot.getKey(), file.toString())
                        .succeeded();
                ImageAssertions.assertThat(file).passesQemuCheck();
            }
        } catch (IOException | RuntimeException | AssertionError e) {
            throw new AssertionError(recipe + ": " + e.getMessage() + "; " + Seeds.replay(getClass(), seed), e);
        }
    }

    private void work(GuestSession guest, SplittableRandom random, int rounds) throws IOException {
        GuestOperations operations =
                new GuestOperations(guest, random, 16 * guest.disk().clusterBytes());
        for (int round = 0; round < rounds; round++) {
            operations.run(random.nextInt(10), MIX);
            step(guest, random);
            guest.read(0, guest.sizeBytes());
        }
    }

    private void step(GuestSession guest, SplittableRandom random) throws IOException {
        List<String> known = new ArrayList<>(taken.keySet());
        int choice = known.isEmpty() ? 0 : random.nextInt(resizes ? 6 : 4);
        String name = known.isEmpty() ? "" : known.get(random.nextInt(known.size()));
        switch (choice) {
            case 0, 1 -> {
                String next = "snap" + names++;
                taken.put(next, guest.model().read(0, guest.sizeBytes()));
                guest.image().snapshots().create(next, 1_700_000_000, 5);
            }
            case 2 -> {
                byte[] then = Objects.requireNonNull(taken.get(name));
                guest.image().snapshots().revert(name);
                guest.model().resize(then.length);
                guest.model().write(0, then);
            }
            case 4, 5 -> guest.resize(512 * random.nextInt(1, guest.sizeBytes() / 256 + 8), Preallocation.OFF);
            default -> {
                guest.image().snapshots().delete(name);
                taken.remove(name);
            }
        }
        assertThat(guest.image().snapshots().list())
                .extracting(Snapshot::name)
                .containsExactlyElementsOf(taken.keySet());
    }

    @ParameterizedTest(name = "seed {0}")
    @MethodSource("crashSeeds")
    void aCrashLosesNoSnapshot(long seed) throws IOException {
        SplittableRandom random = new SplittableRandom(seed);
        DiskRecipe recipe = DiskRecipe.plain(512 << random.nextInt(3), 512 * random.nextInt(20, 300), 12)
                .withVersion(random.nextInt(4) == 0 ? 2 : 3);
        ImageOptions options = TestImages.smallestCaches(512);
        if (recipe.version() > 2) {
            options = options.withLazyRefcounts(random.nextInt(3) == 0);
        }
        try {
            DiskRecipe.Made made = recipe.make(folder, random);
            CrashingHostFiles files = new CrashingHostFiles();
            resizes = recipe.version() > 2;
            Map<String, byte[]> all = new LinkedHashMap<>();
            try (GuestSession guest = GuestSession.open(made.disk(), options, files, made.model())) {
                for (int round = 0; round < 8; round++) {
                    work(guest, random, 1);
                    all.putAll(taken);
                }
            }
            CrashStates states = new CrashStates(files);
            for (CrashState state : states.choose(Seeds.longRun() ? 400 : 120, random)) {
                boolean askQemu = random.nextInt(Seeds.longRun() ? 20 : 6) == 0;
                verify(states.files(state), made.disk().file(), all, "state " + state, askQemu);
            }
        } catch (IOException | RuntimeException | AssertionError e) {
            throw new AssertionError(recipe + ": " + e.getMessage() + "; " + Seeds.replay(getClass(), seed), e);
        }
    }

    /**
     * Nothing but leaks, and not even those once a dirty image was opened for writing; in version 2, which has no dirty
     * bit, flags that cost copies as well. Each snapshot that is listed holds what it held.
     */
    private void verify(Map<Path, byte[]> left, Path file, Map<String, byte[]> all, String where, boolean askQemu)
            throws IOException {
        byte[] image = Objects.requireNonNull(left.get(file));
        boolean dirty = image[VERSION_BYTE] > 2 && (image[INCOMPATIBLE_BYTE] & DIRTY) != 0;
        CrashingHostFiles files = new CrashingHostFiles(left);
        ImageEnvironment environment = TestImages.environment(files);
        if (dirty) {
            DiskImage.open(file, ImageOptions.defaults(), environment).close();
        }
        RefcountAudit.Report audit = RefcountAudit.of(files.contentOf(file));
        assertThat(audit.corruptions()).as(where).isEmpty();
        assertThat(audit.leaksAtMost() || image[VERSION_BYTE] == 2)
                .as("%s: %s", where, audit)
                .isTrue();
        assertThat(audit.clean() || !dirty).as("%s: %s", where, audit).isTrue();
        List<Snapshot> snapshots = requireContents(file, environment, all, where);
        if (askQemu && image[VERSION_BYTE] > 2) {
            judgeByQemu(image, dirty, snapshots, where);
        }
    }

    /** QEMU finds leaks at most, and nothing once it has opened a dirty image for writing; the snapshots are there. */
    private void judgeByQemu(byte[] image, boolean dirty, List<Snapshot> snapshots, String where) throws IOException {
        Path copy = Files.write(folder.resolve("crashed.qcow2"), image);
        if (dirty) {
            QemuTools.edit(copy, "read 0 512");
        }
        QemuTools.CheckResult check = QemuTools.check(copy);
        assertThat(dirty ? check.clean() : check.leaksAtMost())
                .as("%s: %s", where, check)
                .isTrue();
        assertThat(QemuTools.info(copy).path("snapshots").size()).as(where).isEqualTo(snapshots.size());
    }

    private static List<Snapshot> requireContents(
            Path file, ImageEnvironment environment, Map<String, byte[]> all, String where) throws IOException {
        List<Snapshot> snapshots;
        try (DiskImage disk = DiskImage.open(file, TestImages.readOnly(), environment)) {
            TestImages.read(disk, 0, (int) disk.virtualSizeBytes());
            snapshots = disk.snapshots().list();
        }
        for (Snapshot snapshot : snapshots) {
            ImageOptions options = TestImages.readOnly().withSnapshot(snapshot.id());
            try (DiskImage disk = DiskImage.open(file, options, environment)) {
                assertThat(TestImages.read(disk, 0, (int) disk.virtualSizeBytes()))
                        .as(where + " " + snapshot.name())
                        .isEqualTo(all.get(snapshot.name()));
            }
        }
        return snapshots;
    }

    @ParameterizedTest(name = "seed {0}")
    @MethodSource("crashSeeds")
    void aRefusingHostLosesNoSnapshot(long seed) throws IOException {
        SplittableRandom random = new SplittableRandom(seed);
        DiskRecipe recipe = DiskRecipe.plain(512 << random.nextInt(3), 512 * random.nextInt(20, 300), 12);
        try {
            DiskRecipe.Made made = recipe.make(folder, random);
            CrashingHostFiles memory = new CrashingHostFiles();
            FaultyHostFiles faulty = new FaultyHostFiles(memory);
            ImageEnvironment environment = TestImages.environment(faulty);
            Path file = made.disk().file();
            for (int round = 0; round < 40; round++) {
                boolean refused = false;
                try (DiskImage image = DiskImage.open(file, TestImages.smallestCaches(512), environment)) {
                    TestImages.write(image, 0, new byte[] {(byte) round});
                    image.flush();
                    byte[] now = TestImages.read(image, 0, (int) image.virtualSizeBytes());
                    faulty.failAfter(random.nextInt(40), random.nextBoolean() ? 1 : 60, ImageException.Kind.IO);
                    String next = "snap" + round;
                    taken.put(next, now);
                    List<String> known = new ArrayList<>(taken.keySet());
                    String name = known.get(random.nextInt(known.size()));
                    try {
                        switch (random.nextInt(4)) {
                            case 0 -> image.snapshots().create(next, 0, 0);
                            case 1 -> image.snapshots().revert(name);
                            case 2 -> image.resize(512L * random.nextInt(1, 400), true, Preallocation.OFF);
                            default -> image.snapshots().delete(name);
                        }
                    } catch (ImageException expected) {
                        refused = true;
                        assertThat(expected.kind()).isIn(ImageException.Kind.IO, ImageException.Kind.NOT_FOUND);
                    }
                    faulty.heal();
                } catch (ImageException notClosed) {
                    faulty.heal();
                    assertThat(refused).isTrue();
                }
                verify(Map.of(file, memory.contentOf(file)), file, taken, "round " + round, round % 4 == 0);
            }
        } catch (IOException | RuntimeException | AssertionError e) {
            throw new AssertionError(recipe + ": " + e.getMessage() + "; " + Seeds.replay(getClass(), seed), e);
        }
    }

    @Test
    void refcountsOfOneBitHoldNoSnapshotAndNothingChanges() throws IOException {
        Path file = QemuTools.create(folder.resolve("image"), 1 << 20, "refcount_bits=1,cluster_size=512");
        QemuTools.edit(file, "write -P 1 0 64k");
        try (DiskImage image = TestImages.open(file)) {
            assertThatExceptionOfType(ImageException.class)
                    .isThrownBy(() -> image.snapshots().create("one", 0, 0))
                    .satisfies(refused -> assertThat(refused.kind()).isEqualTo(ImageException.Kind.NO_SPACE));
            assertThat(image.snapshots().list()).isEmpty();
            TestImages.write(image, 0, new byte[] {2});
        }
        ImageAssertions.assertThat(file).passesQemuCheck();
    }

    /** Whether the tables are found as the image is opened or made since. */
    @ParameterizedTest
    @CsvSource({
        "SNAPSHOT_TABLE, false",
        "SNAPSHOT_TABLE, true",
        "INACTIVE_L1, false",
        "INACTIVE_L1, true",
        "INACTIVE_L2, false",
        "INACTIVE_L2, true"
    })
    void nothingIsWrittenOverTheirTables(MetadataKind kind, boolean madeSince) throws IOException {
        Path file = QemuTools.create(folder.resolve("image"), 1 << 20, "");
        QemuTools.edit(file, "write -P 1 0 128k");
        ImageOptions options = ImageOptions.defaults().withOverlapCheck(ALL);
        DiskImage image = DiskImage.open(file, options, TestImages.environment(HostFiles.posix()));
        image.snapshots().create("first", 0, 0);
        TestImages.write(image, 512 << 10, new byte[] {1});
        // The first snapshot's L2 table is its own now, and the active one is not in the cache.
        image.snapshots().create("second", 0, 0);
        if (!madeSince) {
            image.close();
            image = DiskImage.open(file, options, TestImages.environment(HostFiles.posix()));
        }
        long firstL1 = number(file, number(file, SNAPSHOT_TABLE));
        long target = switch (kind) {
            case SNAPSHOT_TABLE -> number(file, SNAPSHOT_TABLE);
            case INACTIVE_L1 -> firstL1;
            default -> number(file, firstL1);
        };
        setNumber(file, number(file, number(file, L1_TABLE)) & ~COPIED, target | COPIED);
        DiskImage damaged = image;
        assertThatExceptionOfType(ImageException.class)
                .isThrownBy(() -> TestImages.write(damaged, 0, new byte[] {2}))
                .withMessageContaining("would hit " + kind.inWords());
        assertThatExceptionOfType(ImageException.class).isThrownBy(damaged::close);
    }

    private static long number(Path file, long offset) throws IOException {
        return java.nio.ByteBuffer.wrap(Files.readAllBytes(file)).getLong((int) offset);
    }

    private static void setNumber(Path file, long offset, long number) throws IOException {
        try (RandomAccessFile bytes = new RandomAccessFile(file.toFile(), "rw")) {
            bytes.seek(offset);
            bytes.writeLong(number);
        }
    }

    /** As in QEMU. */
    @Test
    void dataInAnotherFileHasNoSnapshots() throws IOException {
        Path file = QemuTools.create(
                folder.resolve("image"), 1 << 20, "data_file=" + folder.resolve("data") + ",data_file_raw=off");
        assertThat(QemuTools.img("snapshot", "-c", "one", file.toString()).exitCode())
                .isNotZero();
        try (DiskImage image = TestImages.open(file)) {
            assertThatExceptionOfType(ImageException.class)
                    .isThrownBy(() -> image.snapshots().create("one", 0, 0))
                    .satisfies(
                            refused -> assertThat(refused.kind()).isEqualTo(ImageException.Kind.UNSUPPORTED_FEATURE));
        }
        ImageOptions options = TestImages.readOnly().withSnapshot("one");
        assertThatExceptionOfType(ImageException.class)
                .isThrownBy(() -> DiskImage.open(file, options, TestImages.environment(HostFiles.posix())))
                .satisfies(refused -> assertThat(refused.option()).isEqualTo("snapshot"));
    }

    @Test
    void extraDataAndVmStateOfOthersAreKept() throws IOException {
        Path file = QemuTools.create(folder.resolve("image"), 1 << 20, "");
        QemuTools.img("snapshot", "-c", "theirs", file.toString()).succeeded();
        byte[] theirs;
        try (DiskImage image = TestImages.open(file)) {
            theirs = record(file);
            image.snapshots().create("ours", 1_700_000_000, 7);
        }
        assertThat(record(file)).isEqualTo(theirs);
        assertThat(QemuTools.info(file)
                        .path("snapshots")
                        .get(1)
                        .path("date-sec")
                        .asLong())
                .isEqualTo(1_700_000_000);
        assertThat(QemuTools.info(file).path("snapshots").get(1).path("id").asString())
                .isEqualTo("2");
    }

    /** The first record of the snapshot table: as QEMU writes it 40 fixed bytes, 24 of extra data and two names. */
    private static byte[] record(Path file) throws IOException {
        java.nio.ByteBuffer bytes = java.nio.ByteBuffer.wrap(Files.readAllBytes(file));
        byte[] record = new byte[40 + 24 + 1 + "theirs".length()];
        bytes.get((int) bytes.getLong(64), record);
        return record;
    }
}
