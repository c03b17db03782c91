package io.cowslip.engine.image;

import static org.assertj.core.api.Assertions.assertThat;

import io.cowslip.engine.host.HostFiles;
import io.cowslip.engine.image.file.ImageEnvironment;
import io.cowslip.engine.image.options.ImageOptions;
import io.cowslip.testing.DiskRecipe;
import io.cowslip.testing.GuestSession;
import io.cowslip.testing.NeedsQemu;
import io.cowslip.testing.QemuTools;
import io.cowslip.testing.RandomData;
import io.cowslip.testing.Seeds;
import io.cowslip.testing.TestImages;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.BitSet;
import java.util.List;
import java.util.SplittableRandom;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.LongStream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * Changes between any two states of random disks, with snapshots by the engine and by QEMU in between: no byte that
 * differs is missed, no cluster that nobody touched is called changed, and what is called zero is.
 */
@NeedsQemu
@Tag("long")
final class DiskChangesModelTest {
    private static final int LONGEST_BYTES = 1 << 20;

    @TempDir
    Path folder;

    /** A state of the disk, and the clusters that were touched since the one before it. */
    private record State(@Nullable String name, byte[] content, BitSet touched) {}

    private final List<State> states = new ArrayList<>();
    private BitSet touched = new BitSet();
    private int names;

    static LongStream seeds() {
        return Seeds.seeds(25, 300);
    }

    static LongStream racingSeeds() {
        return Seeds.seeds(4, 40);
    }

    @ParameterizedTest(name = "seed {0}")
    @MethodSource("seeds")
    void findsWhatDiffersAndNothingElse(long seed) throws IOException {
        SplittableRandom random = new SplittableRandom(seed);
        DiskRecipe recipe = recipe(random);
        try {
            DiskRecipe.Made made = recipe.make(folder, random);
            work(made, random);
            for (State state : states) {
                if (state.name != null) {
                    holdsForQemu(made.disk().file(), state);
                }
            }
            try (DiskImage image = TestImages.openReadOnly(made.disk().file())) {
                compareAll(image, recipe.clusterBytes());
            }
        } catch (IOException | RuntimeException | AssertionError e) {
            throw new AssertionError(recipe + ": " + e.getMessage() + "; " + Seeds.replay(getClass(), seed), e);
        }
    }

    private static DiskRecipe recipe(SplittableRandom random) {
        DiskRecipe recipe = RandomRecipes.recipe(random);
        return recipe.refcountBits() < 8 ? recipe.withRefcountBits(8) : recipe;
    }

    private void work(DiskRecipe.Made made, SplittableRandom random) throws IOException {
        ImageOptions options = random.nextBoolean() ? TestImages.smallestCaches(512) : ImageOptions.defaults();
        ImageEnvironment environment = TestImages.environment(HostFiles.posix());
        GuestSession guest = GuestSession.open(made.disk(), options, environment, made.model());
        try {
            for (int round = random.nextInt(2, 6); round > 0; round--) {
                for (int operations = random.nextInt(8); operations > 0; operations--) {
                    change(guest, random);
                }
                // Also while nothing of that is in the file yet.
                if (!states.isEmpty()) {
                    State now = new State(null, guest.model().read(0, guest.sizeBytes()), touched);
                    compare(guest.image(), states.size() - 1, now, made.disk().clusterBytes());
                }
                switch (random.nextInt(8)) {
                    case 0, 1, 2 -> takeByQemu(guest, made.disk().file());
                    case 3 -> revert(guest, random);
                    case 4 -> delete(guest, random);
                    default -> take(guest);
                }
            }
            for (int operations = random.nextInt(8); operations > 0; operations--) {
                change(guest, random);
            }
            states.add(new State(null, guest.model().read(0, guest.sizeBytes()), touched));
        } finally {
            guest.close();
        }
    }

    private void change(GuestSession guest, SplittableRandom random) throws IOException {
        int length = random.nextInt(1, Math.min(guest.sizeBytes(), LONGEST_BYTES) + 1) >>> random.nextInt(20);
        int offset = random.nextInt(guest.sizeBytes() - length + 1);
        int cluster = guest.disk().clusterBytes();
        if (random.nextBoolean()) {
            offset -= offset % cluster;
        }
        length = Math.max(1, length);
        touched.set(offset / cluster, (offset + length - 1) / cluster + 1);
        switch (random.nextInt(4)) {
            case 0 -> guest.zero(offset, length);
            case 1 -> guest.discard(offset, length);
            default -> guest.write(offset, RandomData.bytes(random, length));
        }
    }

    private void remember(String name, byte[] content) {
        states.add(new State(name, content, touched));
        touched = new BitSet();
    }

    private void take(GuestSession guest) throws IOException {
        String name = "s" + names++;
        guest.image().snapshots().create(name, 1_700_000_000, 5);
        remember(name, guest.model().read(0, guest.sizeBytes()));
    }

    private void takeByQemu(GuestSession guest, Path file) throws IOException {
        String name = "s" + names++;
        guest.close();
        QemuTools.img("snapshot", "-c", name, file.toString()).succeeded();
        guest.reopenAfterClose(true);
        remember(name, guest.model().read(0, guest.sizeBytes()));
    }

    private void revert(GuestSession guest, SplittableRandom random) throws IOException {
        if (!states.isEmpty()) {
            State state = states.get(random.nextInt(states.size()));
            guest.image().snapshots().revert(String.valueOf(state.name));
            guest.model().write(0, state.content);
            touched.set(0, guest.sizeBytes());
        }
    }

    private void delete(GuestSession guest, SplittableRandom random) throws IOException {
        if (!states.isEmpty()) {
            int index = random.nextInt(states.size());
            State state = states.remove(index);
            guest.image().snapshots().delete(String.valueOf(state.name));
            BitSet later = index < states.size() ? states.get(index).touched : touched;
            later.or(state.touched);
        }
    }

    private void holdsForQemu(Path file, State state) throws IOException {
        Path raw = folder.resolve("state.raw");
        QemuTools.convert(file, "qcow2", raw, "raw", "-l", "snapshot.name=" + state.name);
        assertThat(Files.readAllBytes(raw))
                .as("snapshot %s by QEMU", state.name)
                .isEqualTo(state.content);
        Files.delete(raw);
    }

    private void compareAll(DiskImage image, int clusterBytes) throws IOException {
        for (int since = 0; since < states.size() - 1; since++) {
            for (int until = since; until < states.size(); until++) {
                compare(image, since, states.get(until), clusterBytes);
            }
        }
    }

    private void compare(DiskImage image, int sinceIndex, State until, int clusterBytes) throws IOException {
        State since = states.get(sinceIndex);
        BitSet mayChange = new BitSet();
        int untilIndex = states.contains(until) ? states.indexOf(until) : states.size();
        for (int index = sinceIndex + 1; index < untilIndex; index++) {
            mayChange.or(states.get(index).touched);
        }
        if (untilIndex > sinceIndex) {
            mayChange.or(until.touched);
        }
        String pair = since.name + " to " + until.name;
        for (GuestChange change : DiskChangesTest.changes(image, String.valueOf(since.name), until.name)) {
            int start = (int) change.start();
            int end = (int) (start + change.length());
            String run = pair + ": " + change;
            if (!change.changed()) {
                assertThat(Arrays.mismatch(since.content, start, end, until.content, start, end))
                        .as(run)
                        .isNegative();
                assertThat(change.zero()).as(run).isFalse();
                continue;
            }
            assertThat(mayChange.nextClearBit(start / clusterBytes))
                    .as("%s: first untouched cluster", run)
                    .isGreaterThan((end - 1) / clusterBytes);
            if (change.zero()) {
                byte[] zeros = new byte[end - start];
                assertThat(Arrays.mismatch(until.content, start, end, zeros, 0, end - start))
                        .as(run)
                        .isNegative();
            }
        }
    }

    /** Each write that has returned before a listing begins is in it, however many others are under way. */
    @ParameterizedTest(name = "seed {0}")
    @MethodSource("racingSeeds")
    void whatWasWrittenBeforeIsFoundWhileOthersWrite(long seed) throws Exception {
        SplittableRandom random = new SplittableRandom(seed);
        int clusters = 8192;
        int cluster = 512;
        int writes = 300;
        Path file = QemuTools.create(
                folder.resolve("disk.qcow2"), (long) clusters * cluster, "cluster_size=512,refcount_bits=16");
        ImageEnvironment environment = TestImages.environment(HostFiles.posix());
        ImageOptions options = random.nextBoolean() ? TestImages.smallestCaches(512) : ImageOptions.defaults();
        try (DiskImage image = DiskImage.open(file, options, environment)) {
            image.snapshots().create("before", 1, 0);
            int[] order = shuffled(clusters, random);
            AtomicInteger written = new AtomicInteger();
            Thread writer = Thread.ofPlatform().start(() -> {
                for (int index = 0; index < writes; index++) {
                    write(image, (long) order[index] * cluster);
                    written.setRelease(index + 1);
                }
            });
            try {
                int before = 0;
                while (before < writes) {
                    before = written.getAcquire();
                    BitSet found = new BitSet();
                    for (GuestChange change : DiskChangesTest.changes(image, "before", null)) {
                        if (change.changed()) {
                            found.set(
                                    (int) change.start() / cluster, (int) (change.start() + change.length()) / cluster);
                        }
                    }
                    for (int index = 0; index < before; index++) {
                        assertThat(found.get(order[index]))
                                .as("cluster %s; %s", order[index], Seeds.replay(getClass(), seed))
                                .isTrue();
                    }
                }
            } finally {
                writer.join();
            }
            assertThat(written).hasValue(writes);
        }
    }

    private static int[] shuffled(int count, SplittableRandom random) {
        int[] order = new int[count];
        for (int index = 0; index < count; index++) {
            int other = random.nextInt(index + 1);
            order[index] = order[other];
            order[other] = index;
        }
        return order;
    }

    private static void write(DiskImage image, long offset) {
        try {
            TestImages.write(image, offset, new byte[] {1});
        } catch (IOException e) {
            throw new java.io.UncheckedIOException(e);
        }
    }
}
