package io.cowslip.engine.image.convert;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import io.cowslip.engine.ImageException;
import io.cowslip.engine.host.HostFiles;
import io.cowslip.engine.image.DiskImage;
import io.cowslip.engine.image.MatrixCase;
import io.cowslip.engine.image.MatrixDisk;
import io.cowslip.engine.image.MatrixTools;
import io.cowslip.engine.image.QemuMatrixTest;
import io.cowslip.engine.image.TestEnvironments;
import io.cowslip.engine.image.check.CheckFinding;
import io.cowslip.engine.image.check.CheckReport;
import io.cowslip.engine.image.check.ImageCheck;
import io.cowslip.engine.image.file.ImageEnvironment;
import io.cowslip.engine.image.options.AmendOptions;
import io.cowslip.engine.image.options.ImageOptions;
import io.cowslip.engine.work.WorkObserver;
import io.cowslip.testing.CrashState;
import io.cowslip.testing.CrashStates;
import io.cowslip.testing.CrashingHostFiles;
import io.cowslip.testing.FaultyHostFiles;
import io.cowslip.testing.ImageBytes;
import io.cowslip.testing.NeedsQemu;
import io.cowslip.testing.Processes;
import io.cowslip.testing.QemuTools;
import io.cowslip.testing.Seeds;
import io.cowslip.testing.TestImages;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.SplittableRandom;
import java.util.stream.LongStream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;
import tools.jackson.databind.JsonNode;

/**
 * Refcounts get another width and images another version, of all that QEMU makes: refused where {@code qemu-img amend}
 * refuses, and else the disk, the snapshot and the bitmap are as before, and QEMU finds all sound. A power cut or a host
 * that refuses leaves the old image or the new one.
 */
@NeedsQemu
@Tag("long")
final class AmendedTablesTest {
    private static final int[] REFCOUNT_BITS = {1, 2, 4, 8, 16, 32, 64};
    private static final List<MatrixCase> CASES = MatrixCase.all()
            .filter(MatrixCase::isMadeByQemu)
            .filter(MatrixCase::isWritable)
            .toList();

    /** With larger clusters qemu-img takes from a second to hours to find a new place for its refcounts. */
    private static final int LARGEST_FOR_QEMU = 4096;

    private static final int STATES = 60;
    private static final int FAILURES = 25;

    @TempDir
    Path folder;

    static LongStream seeds() {
        return Seeds.seeds(10, 150);
    }

    static LongStream fewSeeds() {
        return Seeds.seeds(3, 40);
    }

    /** An image and what is asked of it. */
    private record Amendment(
            MatrixCase wanted,
            MatrixDisk disk,
            @Nullable Integer version,
            @Nullable Integer bits) {
        static Amendment random(Path folder, SplittableRandom random, boolean small) throws IOException {
            MatrixCase wanted;
            do {
                wanted = CASES.get(random.nextInt(CASES.size()));
            } while (small && wanted.clusterBytes() > LARGEST_FOR_QEMU);
            boolean lowers = random.nextBoolean();
            Integer version = lowers ? Integer.valueOf(2) : random.nextInt(4) == 0 ? Integer.valueOf(3) : null;
            Integer bits = lowers
                    ? random.nextInt(4) == 0 ? null : Integer.valueOf(16)
                    : Integer.valueOf(REFCOUNT_BITS[random.nextInt(REFCOUNT_BITS.length)]);
            MatrixDisk.Created created = new MatrixDisk.Created(wanted.asCreated(), folder, random);
            return new Amendment(wanted, MatrixDisk.make(created, wanted, random), version, bits);
        }

        Path file() {
            return disk.tools().image();
        }

        void amend(HostFiles files) throws IOException {
            AmendOptions options = new AmendOptions(version, bits, null, null, null);
            HeaderAmender.amend(file(), options, WorkObserver.NONE, TestImages.environment(files));
        }

        /** What {@code qemu-img amend} says when it is asked the same; it changes {@code copy}. */
        Processes.Output askQemu(Path copy) throws IOException {
            Files.copy(file(), copy);
            List<String> options = new ArrayList<>();
            if (version != null) {
                options.add("compat=" + (version == 2 ? "0.10" : "1.1"));
            }
            if (bits != null) {
                options.add("refcount_bits=" + bits);
            }
            String opened = disk.tools().imageOptions().replace(file().toString(), copy.toString());
            List<String> arguments =
                    new ArrayList<>(List.of("amend", "-o", String.join(",", options), "--image-opts", opened));
            if (wanted.encryption() != MatrixCase.Encryption.NONE) {
                arguments.addAll(1, List.of("--object", MatrixCase.SECRET_OBJECT));
            }
            return QemuTools.img(arguments.toArray(String[]::new));
        }

        /** What is refused here although QEMU takes it: it makes something else of the data, or we have no key. */
        boolean isSpoiltByQemu() {
            boolean lowered = version != null && version == 2 && wanted.version() == 3;
            return lowered && (wanted.compression() == MatrixCase.Compression.ZSTD || wanted.bitmap());
        }

        boolean mayNeedKey() {
            return wanted.encryption() == MatrixCase.Encryption.LUKS && wanted.backing() != MatrixCase.Backing.NONE;
        }

        @Override
        public String toString() {
            return wanted.id() + " to version " + version + ", refcount bits " + bits;
        }
    }

    @ParameterizedTest(name = "seed {0}")
    @MethodSource("seeds")
    void refusesWhatQemuRefusesAndChangesNothingThatIsRead(long seed) throws IOException {
        SplittableRandom random = new SplittableRandom(seed);
        Amendment amendment = Amendment.random(folder, random, random.nextInt(3) > 0);
        byte[] before = Files.readAllBytes(amendment.file());
        boolean taken = true;
        try {
            try {
                amendment.amend(HostFiles.posix());
            } catch (ImageException refused) {
                taken = false;
                assertThat(refused.kind())
                        .isIn(ImageException.Kind.INVALID_OPTION, ImageException.Kind.UNSUPPORTED_FEATURE);
                assertThat(Files.readAllBytes(amendment.file())).isEqualTo(before);
            }
            if (amendment.wanted.clusterBytes() <= LARGEST_FOR_QEMU && !(amendment.mayNeedKey() && !taken)) {
                byte[] after = Files.readAllBytes(amendment.file());
                Files.write(amendment.file(), before);
                Processes.Output qemu = amendment.askQemu(folder.resolve("copy"));
                Files.write(amendment.file(), after);
                assertThat(taken)
                        .as("whether it is done; qemu-img amend: " + qemu)
                        .isEqualTo(qemu.exitCode() == 0 && !amendment.isSpoiltByQemu());
            }
            if (taken) {
                requireSays(amendment);
            }
            amendment.disk.tools().requireSound(amendment.disk.contents());
        } catch (IOException | RuntimeException | AssertionError e) {
            throw new AssertionError(amendment + ": " + e.getMessage() + "; " + Seeds.replay(getClass(), seed), e);
        }
    }

    private static void requireSays(Amendment amendment) {
        JsonNode data = amendment.disk.tools().info().at("/format-specific/data");
        if (amendment.version != null) {
            assertThat(data.path("compat").asString()).isEqualTo(amendment.version == 2 ? "0.10" : "1.1");
        }
        if (amendment.bits != null) {
            assertThat(data.path("refcount-bits").asInt()).isEqualTo(amendment.bits);
        }
    }

    @ParameterizedTest(name = "seed {0}")
    @MethodSource("fewSeeds")
    void powerCutsLeaveTheOldOrTheNew(long seed) throws IOException {
        SplittableRandom random = new SplittableRandom(seed);
        Amendment amendment = taken(random);
        try {
            Interrupted interrupted = new Interrupted(amendment);
            CrashStates states = new CrashStates(interrupted.amended);
            int number = 0;
            for (CrashState state : states.choose(STATES, random)) {
                try {
                    interrupted.requireOldOrNew(states.files(state), ++number % 15 == 0);
                } catch (IOException | AssertionError e) {
                    throw new AssertionError(e.getMessage() + " in " + state + states.around(state.point()), e);
                }
            }
        } catch (IOException | RuntimeException | AssertionError e) {
            throw new AssertionError(amendment + ": " + e.getMessage() + "; " + Seeds.replay(getClass(), seed), e);
        }
    }

    @ParameterizedTest(name = "seed {0}")
    @MethodSource("fewSeeds")
    void refusedOperationsLeaveTheOldOrTheNew(long seed) throws IOException {
        SplittableRandom random = new SplittableRandom(seed);
        Amendment amendment = taken(random);
        try {
            Interrupted interrupted = new Interrupted(amendment);
            for (int i = 0; i < FAILURES; i++) {
                CrashingHostFiles memory = new CrashingHostFiles(interrupted.before);
                FaultyHostFiles files = new FaultyHostFiles(memory);
                ImageException.Kind kind = random.nextBoolean() ? ImageException.Kind.IO : ImageException.Kind.NO_SPACE;
                files.failAfter(random.nextInt(80), random.nextBoolean() ? 1 : 50, kind);
                try {
                    amendment.amend(files);
                } catch (ImageException refused) {
                    assertThat(refused.kind()).isEqualTo(kind);
                }
                interrupted.requireOldOrNew(Map.of(amendment.file(), memory.contentOf(amendment.file())), i % 10 == 0);
            }
        } catch (IOException | RuntimeException | AssertionError e) {
            throw new AssertionError(amendment + ": " + e.getMessage() + "; " + Seeds.replay(getClass(), seed), e);
        }
    }

    /** A small image, and something that can be asked of it. */
    private Amendment taken(SplittableRandom random) throws IOException {
        for (int attempt = 0; ; attempt++) {
            Path own = Files.createDirectory(folder.resolve("attempt" + attempt));
            Amendment amendment = Amendment.random(own, random, true);
            try {
                amendment.amend(new CrashingHostFiles());
                return amendment;
            } catch (ImageException refused) {
                assertThat(attempt).isLessThan(500);
            }
        }
    }

    /** One amendment that was carried out in memory, and the images that interruptions of it leave. */
    private static final class Interrupted {
        private final Amendment amendment;
        private final Map<Path, byte[]> before;
        private final CrashingHostFiles amended;
        private final String old;
        private final String made;

        Interrupted(Amendment amendment) throws IOException {
            this.amendment = amendment;
            before = Map.of(amendment.file(), Files.readAllBytes(amendment.file()));
            amended = new CrashingHostFiles(before);
            amendment.amend(amended);
            old = kind(Objects.requireNonNull(before.get(amendment.file())));
            made = kind(amended.contentOf(amendment.file()));
        }

        /** Version and refcount order. */
        private static String kind(byte[] image) {
            ByteBuffer header = ByteBuffer.wrap(image);
            return header.getInt(4) + "/" + (header.getInt(4) == 2 ? 4 : header.getInt(96));
        }

        void requireOldOrNew(Map<Path, byte[]> left, boolean askQemu) throws IOException {
            byte[] image = Objects.requireNonNull(left.get(amendment.file()));
            assertThat(kind(image)).isIn(old, made);
            ImageEnvironment environment = TestImages.environment(new CrashingHostFiles(left));
            CheckReport report = ImageCheck.check(amendment.file(), WorkObserver.NONE, environment);
            assertThat(report.checkErrors()).isZero();
            assertThat(report.findings()).allMatch(AmendedTablesTest::isHarmless);
            MatrixTools.Contents contents = amendment.disk.contents();
            ImageOptions options = QemuMatrixTest.options(amendment.wanted).withReadOnly(true);
            requireReads(
                    options, environment, contents.now().read(0, contents.now().sizeBytes()));
            if (contents.snapshot() != null) {
                requireReads(options.withSnapshot(MatrixTools.SNAPSHOT), environment, contents.snapshot());
            }
            if (askQemu) {
                askQemu(image);
            }
        }

        private void requireReads(ImageOptions options, ImageEnvironment environment, byte[] wanted)
                throws IOException {
            try (DiskImage image = DiskImage.open(amendment.file(), options, environment)) {
                assertThat(TestImages.read(image, 0, wanted.length)).isEqualTo(wanted);
            }
        }

        private void askQemu(byte[] image) throws IOException {
            Path scratch = Files.write(amendment.file().resolveSibling("left"), image);
            String opened = amendment
                    .disk
                    .tools()
                    .imageOptions()
                    .replace(amendment.file().toString(), scratch.toString());
            int exitCode = QemuTools.img("check", "--object", MatrixCase.SECRET_OBJECT, "--image-opts", opened)
                    .exitCode();
            assertThat(exitCode).as("exit code of qemu-img check").isIn(0, 2, 3);
        }
    }

    /** A leak, or a COPIED flag that could be set and is not. */
    private static boolean isHarmless(CheckFinding finding) {
        return finding.kind() == CheckFinding.Kind.LEAK
                || (finding.kind() == CheckFinding.Kind.COPIED_FLAG
                        && finding.detail().endsWith(" is 1"));
    }

    @ParameterizedTest
    @CsvSource({"1, 65536", "2, 65536", "4, 2097152", "8, 65536", "32, 16384", "64, 65536", "64, 2097152"})
    void countsGetAnotherWidthAndTheirOwnBack(int bits, int clusterBytes) throws IOException {
        Path image = QemuTools.create(folder.resolve("image"), 8 << 20, "cluster_size=" + clusterBytes);
        QemuTools.edit(image, "write -P 1 0 3M", "write -z 1M 1M");
        amend(image, null, bits);
        assertThat(bits(image)).isEqualTo(bits);
        QemuTools.edit(image, "read -P 1 0 1M", "read -P 0 1M 1M", "write -P 2 4M 1M");
        assertThat(QemuTools.check(image).clean()).isTrue();
        amend(image, null, 16);
        assertThat(bits(image)).isEqualTo(16);
        QemuTools.edit(image, "read -P 1 2M 1M", "read -P 2 4M 1M");
        assertThat(QemuTools.check(image).clean()).isTrue();
    }

    @Test
    void aCountThatDoesNotFitIsNamed() throws IOException {
        Path image = QemuTools.create(folder.resolve("image"), 1 << 20, "cluster_size=4k");
        QemuTools.edit(image, "write -P 1 0 64k");
        QemuTools.img("snapshot", "-c", "one", image.toString()).succeeded();
        byte[] before = Files.readAllBytes(image);
        assertThatExceptionOfType(ImageException.class)
                .isThrownBy(() -> amend(image, null, 1))
                .withMessageContaining("refcount-bits is 1, so that counts reach 1, but the cluster at 16384 has 2");
        for (int bits : new int[] {0, 3, 128, -8}) {
            assertThatExceptionOfType(ImageException.class)
                    .isThrownBy(() -> amend(image, null, bits))
                    .withMessageContaining("it may be 1, 2, 4, 8, 16, 32 or 64");
        }
        assertThat(Files.readAllBytes(image)).isEqualTo(before);
    }

    /** A snapshot that the header lost leaves counts too high, with which the flags agree. */
    @ParameterizedTest
    @ValueSource(ints = {2, 3})
    void newCountsHaveNoLeaksAndFlagsFollowThem(int version) throws IOException {
        Path image = QemuTools.create(folder.resolve("image"), 1 << 20, "compat=" + (version == 2 ? "0.10" : "1.1"));
        QemuTools.edit(image, "write -P 1 0 256k");
        QemuTools.img("snapshot", "-c", "lost", image.toString()).succeeded();
        QemuTools.edit(image, "write -P 2 0 64k");
        new ImageBytes(image).putShort(ImageBytes.SNAPSHOT_COUNT, 0);
        assertThat(QemuTools.check(image).corruptions()).isZero();
        assertThat(QemuTools.check(image).leaks()).isPositive();

        amend(image, 3, 8);

        QemuTools.CheckResult check = QemuTools.check(image);
        assertThat(check.clean()).as(check.details()).isTrue();
        assertThat(bits(image)).isEqualTo(8);
        QemuTools.edit(image, "read -P 2 0 64k", "read -P 1 64k 192k");
    }

    @Test
    void versionTwoHasSixteenBits() throws IOException {
        Path image = QemuTools.create(folder.resolve("image"), 1 << 20, "compat=0.10");
        assertThatExceptionOfType(ImageException.class)
                .isThrownBy(() -> amend(image, null, 8))
                .withMessageContaining("with compat 0.10 it must be 16");
        amend(image, null, 16);
        amend(image, 3, 8);
        assertThat(bits(image)).isEqualTo(8);
        assertThatExceptionOfType(ImageException.class)
                .isThrownBy(() -> amend(image, 2, null))
                .withMessageContaining("give \"refcount-bits\": 16 as well");
        amend(image, 2, 16);
        assertThat(QemuTools.info(image).at("/format-specific/data/compat").asString())
                .isEqualTo("0.10");
        assertThat(QemuTools.check(image).clean()).isTrue();
    }

    /** Zeros hide the backing file from a disk and its snapshot, which share a table. */
    @Test
    void zerosThatHideSomethingAreWritten() throws IOException {
        QemuTools.edit(QemuTools.create(folder.resolve("base"), 1 << 20, ""), "write -P 3 0 1M");
        Path image = QemuTools.createOver(folder.resolve("image"), "base", "qcow2", -1, "cluster_size=4k");
        QemuTools.edit(image, "write -P 7 0 64k", "write -z 0 16k", "write -z -u 128k 16k");
        QemuTools.img("snapshot", "-c", "one", image.toString()).succeeded();
        QemuTools.edit(image, "write -z -u 256k 8k");
        amend(image, 2, null);
        QemuTools.edit(
                image,
                "read -P 0 0 16k",
                "read -P 7 16k 48k",
                "read -P 0 128k 16k",
                "read -P 0 256k 8k",
                "read -P 3 264k 100k");
        assertThat(QemuTools.check(image).clean()).isTrue();
        QemuTools.img("snapshot", "-a", "one", image.toString()).succeeded();
        QemuTools.edit(image, "read -P 0 0 16k", "read -P 0 128k 16k", "read -P 3 256k 8k", "write -P 9 0 64k");
        assertThat(QemuTools.check(image).clean()).isTrue();
    }

    @Test
    void snapshotsOfAnotherSizeKeepTheVersion() throws IOException {
        Path image = QemuTools.create(folder.resolve("image"), 1 << 20, "");
        QemuTools.img("snapshot", "-c", "one", image.toString()).succeeded();
        QemuTools.img("resize", "-q", image.toString(), "2M").succeeded();
        assertThatExceptionOfType(ImageException.class)
                .isThrownBy(() -> amend(image, 2, null))
                .withMessageContaining("snapshot \"1\" has another size");
    }

    @Test
    void aDamagedImageIsNotAmended() throws IOException {
        Path image = QemuTools.create(folder.resolve("image"), 1 << 20, "cluster_size=4k");
        QemuTools.edit(image, "write -P 1 0 64k");
        byte[] bytes = Files.readAllBytes(image);
        // The count of the first cluster.
        int block = (int)
                ByteBuffer.wrap(bytes).getLong((int) ByteBuffer.wrap(bytes).getLong(48));
        ByteBuffer.wrap(bytes).putShort(block, (short) 0);
        Files.write(image, bytes);
        assertThatExceptionOfType(ImageException.class)
                .isThrownBy(() -> amend(image, null, 8))
                .withMessageContaining("repair");
        assertThat(Files.readAllBytes(image)).isEqualTo(bytes);
    }

    private static void amend(Path image, @Nullable Integer version, @Nullable Integer bits) throws IOException {
        HeaderAmender.amend(
                image, new AmendOptions(version, bits, null, null, null), WorkObserver.NONE, TestEnvironments.plain());
    }

    private static int bits(Path image) {
        return QemuTools.info(image).at("/format-specific/data/refcount-bits").asInt();
    }
}
