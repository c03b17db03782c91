package io.cowslip.engine.image.convert;

import static org.assertj.core.api.Assertions.assertThat;

import io.cowslip.engine.host.HostFiles;
import io.cowslip.engine.image.DirtyMap;
import io.cowslip.engine.image.DiskImage;
import io.cowslip.engine.image.Interruptions;
import io.cowslip.engine.image.RandomRecipes;
import io.cowslip.engine.image.file.ImageEnvironment;
import io.cowslip.engine.image.options.ImageOptions;
import io.cowslip.engine.work.WorkObserver;
import io.cowslip.testing.DiskRecipe;
import io.cowslip.testing.ImageAssertions;
import io.cowslip.testing.NeedsQemu;
import io.cowslip.testing.Processes;
import io.cowslip.testing.QemuTools;
import io.cowslip.testing.Seeds;
import io.cowslip.testing.TestImages;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;
import java.util.stream.LongStream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Commits along chains of every kind: the base reads like the image, and the image as before, at every moment. */
@NeedsQemu
@Tag("long")
class DiskCommitTest {
    private static final int STATES = 80;
    private static final int REFUSALS = 15;

    @TempDir
    Path folder;

    static LongStream seeds() {
        return Seeds.seeds(12, 150);
    }

    static LongStream fewSeeds() {
        return Seeds.seeds(6, 40);
    }

    /** A chain, and what is to be committed where in it. */
    private record Commit(DiskRecipe recipe, DiskRecipe.Made made, int depth, boolean keep) {
        static Commit random(DiskRecipe recipe, Path folder, SplittableRandom random) throws IOException {
            int depth = random.nextInt(1, recipe.layers().size() + 1);
            return new Commit(recipe, recipe.make(folder, random), depth, depth > 1 || random.nextBoolean());
        }

        Path image() {
            return made.disk().file();
        }

        private DiskRecipe.Layer layer() {
            return recipe.layers().get(recipe.layers().size() - depth);
        }

        String baseFormat() {
            return layer().clusterBytes() == 0 ? "raw" : "qcow2";
        }

        Path base() {
            return image().resolveSibling("layer" + (recipe.layers().size() - depth) + "." + baseFormat());
        }

        void run(ImageEnvironment environment, WorkObserver observer) throws IOException {
            DiskCommit.commit(image(), ImageOptions.defaults(), depth, keep, observer, environment);
        }

        void byQemu(Path folder) {
            List<String> arguments = new ArrayList<>(List.of("commit", "-f", "qcow2"));
            if (keep) {
                arguments.add("-d");
            }
            if (depth > 1) {
                arguments.addAll(
                        List.of("-b", folder.resolve(base().getFileName()).toString()));
            }
            arguments.add(folder.resolve(image().getFileName()).toString());
            QemuTools.img(arguments.toArray(String[]::new)).succeeded();
        }
    }

    @ParameterizedTest(name = "seed {0}")
    @MethodSource("seeds")
    void theBaseReadsLikeTheImage(long seed) throws IOException {
        SplittableRandom random = new SplittableRandom(seed);
        DiskRecipe recipe = RandomRecipes.recipe(random);
        while (recipe.layers().isEmpty()) {
            recipe = RandomRecipes.recipe(random);
        }
        Commit commit = Commit.random(recipe, folder, random);
        try {
            Path other = Files.createDirectory(folder.resolve("qemu"));
            for (Map.Entry<Path, byte[]> file : Interruptions.filesOf(folder).entrySet()) {
                Files.write(other.resolve(file.getKey().getFileName()), file.getValue());
            }
            commit.run(TestImages.environment(HostFiles.posix()), WorkObserver.NONE);
            Processes.awaitStarts();
            commit.byQemu(other);
            ImageAssertions.assertThat(commit.image())
                    .passesQemuCheck()
                    .passesAudit()
                    .holdsForQemu(commit.made.model());
            Path theirs = other.resolve(commit.base().getFileName());
            assertThat(QemuTools.compare(commit.base(), commit.baseFormat(), theirs, commit.baseFormat())
                            .out())
                    .isEqualTo("Images are identical.\n");
            if (commit.baseFormat().equals("qcow2")) {
                ImageAssertions.assertThat(commit.base()).passesQemuCheck().passesAudit();
            }
            if (!commit.keep) {
                assertThat(QemuTools.map(commit.image())).allMatch(entry -> entry.depth() > 0 || !entry.present());
            }
        } catch (IOException | RuntimeException | AssertionError e) {
            throw new AssertionError(commit + ": " + e.getMessage() + "; " + Seeds.replay(getClass(), seed), e);
        }
    }

    @ParameterizedTest(name = "seed {0}")
    @MethodSource("fewSeeds")
    void interruptionsLeaveADiskThatReadsAsBefore(long seed) throws IOException {
        SplittableRandom random = new SplittableRandom(seed);
        Commit commit = Commit.random(DiskRebaseTest.smallRecipe(random), folder, random);
        byte[] disk = commit.made.model().read(0, commit.made.model().sizeBytes());
        try {
            Interruptions interruptions = new Interruptions(
                    Interruptions.filesOf(folder),
                    commit::run,
                    left -> {
                        Interruptions.requireLeaksAtMost(commit.image(), left);
                        if (commit.baseFormat().equals("qcow2")) {
                            Interruptions.requireLeaksAtMost(commit.base(), left);
                        }
                        byte[] found = Interruptions.read(commit.image(), ImageOptions.defaults(), left);
                        assertThat(Arrays.mismatch(found, disk))
                                .as("first byte that differs")
                                .isNegative();
                    },
                    random);
            assertThat(interruptions.cutPower(STATES)).isPositive();
            interruptions.refuse(REFUSALS);
            interruptions.cancel();
        } catch (IOException | RuntimeException | AssertionError e) {
            throw new AssertionError(commit + ": " + e.getMessage() + "; " + Seeds.replay(getClass(), seed), e);
        }
    }

    /** What is committed is a change of the base, which its bitmap learns of. */
    @Test
    void theBitmapOfTheBaseIsKeptTrue() throws IOException {
        Path base = QemuTools.create(folder.resolve("base.qcow2"), 8 << 20, "");
        QemuTools.img("bitmap", "--add", base.toString(), "monday").succeeded();
        Path top = QemuTools.createOver(folder.resolve("top.qcow2"), "base.qcow2", "qcow2", -1, "");
        QemuTools.edit(top, "write -P 7 1M 128k", "write -z 4M 64k");
        DiskCommit.commit(
                top, ImageOptions.defaults(), 1, false, WorkObserver.NONE, TestImages.environment(HostFiles.posix()));
        Processes.awaitStarts();
        ImageAssertions.assertThat(base).passesQemuCheck();
        try (DiskImage image = TestImages.openReadOnly(base)) {
            DirtyMap dirty = image.bitmaps().map("monday");
            assertThat(dirty.isDirty(1 << 20)).isTrue();
            assertThat(dirty.isDirty(4 << 20)).isTrue();
            assertThat(dirty.dirtyBytes()).isEqualTo(192 << 10);
        }
    }

    /** A snapshot of the image holds what it held, whatever becomes of the active disk. */
    @Test
    void aSnapshotOfTheImageStays() throws IOException {
        QemuTools.create(folder.resolve("base.qcow2"), 4 << 20, "");
        Path top = QemuTools.createOver(folder.resolve("top.qcow2"), "base.qcow2", "qcow2", -1, "cluster_size=4k");
        QemuTools.edit(top, "write -P 7 0 1M");
        QemuTools.img("snapshot", "-c", "before", top.toString()).succeeded();
        QemuTools.edit(top, "write -P 8 512k 1M");
        DiskCommit.commit(
                top, ImageOptions.defaults(), 1, false, WorkObserver.NONE, TestImages.environment(HostFiles.posix()));
        Processes.awaitStarts();
        ImageAssertions.assertThat(top).passesQemuCheck().passesAudit();
        QemuTools.edit(top, "read -P 7 0 512k", "read -P 8 512k 1M", "read -P 0 1536k 512k");
        QemuTools.img("snapshot", "-a", "before", top.toString()).succeeded();
        QemuTools.edit(top, "read -P 7 0 1M");
        ImageAssertions.assertThat(top).passesQemuCheck();
    }
}
