package io.cowslip.engine.image.encryption;

import static org.assertj.core.api.Assertions.assertThat;

import io.cowslip.engine.ImageException;
import io.cowslip.engine.host.HostFiles;
import io.cowslip.engine.image.DiskImage;
import io.cowslip.engine.image.file.ImageEnvironment;
import io.cowslip.engine.image.options.ImageOptions;
import io.cowslip.testing.Background;
import io.cowslip.testing.CrashVerifier;
import io.cowslip.testing.CrashingHostFiles;
import io.cowslip.testing.EncryptedImages;
import io.cowslip.testing.FaultyHostFiles;
import io.cowslip.testing.GuestOperations;
import io.cowslip.testing.GuestSession;
import io.cowslip.testing.ModelDisk;
import io.cowslip.testing.RefcountAudit;
import io.cowslip.testing.Seeds;
import io.cowslip.testing.TestImages;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.SplittableRandom;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.stream.LongStream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Encrypted disks beside others: neighbours in a sector, power cuts, and hosts that refuse. */
@Tag("long")
@Timeout(120)
final class EncryptedWritesTest {
    private static final GuestOperations.Mix MIX = new GuestOperations.Mix(2, 14, 3, 4, 3, 0);
    private static final int WRITERS = 4;
    private static final int ROUNDS = 300;

    @TempDir
    Path folder;

    static LongStream seeds() {
        return Seeds.seeds(6, 100);
    }

    /** A sector is written whole, so a writer of a part of it writes its neighbours' bytes as well. */
    @ParameterizedTest
    @ValueSource(strings = {"xts", "cbc"})
    void neighboursInASectorLoseNoByte(String mode) throws Exception {
        Path file = EncryptedImages.make(folder.resolve("image"), 64 << 10, 4096, mode, null);
        ImageEnvironment environment = TestImages.environment(HostFiles.posix());
        try (DiskImage image = DiskImage.open(file, EncryptedImages.options(), environment)) {
            TestImages.write(image, 0, new byte[8192]);
            AtomicBoolean ended = new AtomicBoolean();
            CompletableFuture<Void> reader = Background.run(() -> {
                while (!ended.get()) {
                    requireWholeCounts(TestImages.read(image, 0, 8192));
                }
            });
            List<CompletableFuture<Void>> writers = new ArrayList<>();
            for (int writer = 0; writer < WRITERS; writer++) {
                int lane = writer;
                writers.add(Background.run(() -> writeLane(image, lane)));
            }
            writers.forEach(CompletableFuture::join);
            ended.set(true);
            reader.join();
            byte[] expected = new byte[8192];
            Arrays.fill(expected, (byte) ROUNDS);
            assertThat(TestImages.read(image, 0, 8192)).isEqualTo(expected);
        }
    }

    /** Writes the count of each round into every {@value #WRITERS}th run of 16 bytes. */
    private static void writeLane(DiskImage image, int lane) throws IOException {
        byte[] run = new byte[16];
        for (int round = 1; round <= ROUNDS; round++) {
            Arrays.fill(run, (byte) round);
            for (int offset = 16 * lane; offset < 8192; offset += 16 * WRITERS) {
                if (round == ROUNDS || offset / 64 % 16 == round % 16) {
                    TestImages.write(image, offset, run);
                }
            }
        }
    }

    /** Each run of 16 bytes is of one round: a sector that was half written would decrypt to anything. */
    private static void requireWholeCounts(byte[] disk) {
        for (int offset = 0; offset < disk.length; offset += 16) {
            for (int index = 1; index < 16; index++) {
                assertThat(disk[offset + index]).isEqualTo(disk[offset]);
            }
        }
    }

    @ParameterizedTest(name = "seed {0}")
    @MethodSource("seeds")
    void aPowerCutOrAHostThatRefusesLosesNothingFlushed(long seed) throws IOException {
        SplittableRandom random = new SplittableRandom(seed);
        int clusterBytes = 512 << random.nextInt(4);
        int size = 512 * random.nextInt(1, 300);
        @Nullable String dataFile = random.nextBoolean() ? EncryptedImages.DATA_FILE : null;
        try {
            Path file = EncryptedImages.make(
                    folder.resolve("image"), size, clusterBytes, random.nextBoolean() ? "xts" : "cbc", dataFile);
            ImageOptions options = TestImages.smallestCaches(512)
                    .withEncrypt(EncryptedImages.options().encrypt());
            CrashingHostFiles memory = new CrashingHostFiles();
            FaultyHostFiles files = new FaultyHostFiles(memory);
            GuestSession.Disk disk = new GuestSession.Disk(file, clusterBytes, false);
            GuestSession guest =
                    GuestSession.open(disk, options, TestImages.environment(files), ModelDisk.ofZeros(size), memory);
            try (guest) {
                GuestOperations operations = new GuestOperations(guest, random, 6 * clusterBytes);
                for (int round = 0; round < 4; round++) {
                    failOnce(guest, operations, files, random);
                }
            }
            assertThat(RefcountAudit.of(memory.contentOf(file)).corruptions()).isEmpty();
            new CrashVerifier(guest, memory, options, 1 << 20, random)
                    .verify(40, Files.createDirectory(folder.resolve("state")));
        } catch (IOException | RuntimeException | AssertionError e) {
            throw new AssertionError(e.getMessage() + "; " + Seeds.replay(getClass(), seed), e);
        }
    }

    private static void failOnce(
            GuestSession guest, GuestOperations operations, FaultyHostFiles files, SplittableRandom random)
            throws IOException {
        // With syncs refused the image takes no more writes, which is another test's matter.
        files.failAfter(random.nextInt(25), 1, ImageException.Kind.NO_SPACE);
        try {
            operations.run(25, MIX);
        } catch (GuestSession.ChangeFailed failed) {
            files.heal();
            guest.settle(failed);
        } catch (ImageException refused) {
            assertThat(refused.kind()).isEqualTo(ImageException.Kind.NO_SPACE);
        }
        files.heal();
        operations.run(random.nextInt(10), MIX);
    }

    @Test
    void zerosThatNobodyWroteAreNotDecrypted() throws IOException {
        Path file = EncryptedImages.make(folder.resolve("image"), 1 << 20);
        ImageEnvironment environment = TestImages.environment(HostFiles.posix());
        try (DiskImage image = DiskImage.open(file, EncryptedImages.options(), environment)) {
            TestImages.write(image, 70_000, new byte[] {1});
            image.zero(0, 1 << 20);
            assertThat(TestImages.read(image, 0, 1 << 20)).containsOnly(0);
        }
    }
}
