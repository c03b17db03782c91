package io.cowslip.engine.image.check;

import static org.assertj.core.api.Assertions.assertThat;

import io.cowslip.engine.format.L1Entry;
import io.cowslip.engine.format.L2Entry;
import io.cowslip.engine.image.TestEnvironments;
import io.cowslip.engine.work.WorkObserver;
import io.cowslip.testing.FeatureRecipe;
import io.cowslip.testing.ImageBytes;
import io.cowslip.testing.MetadataDamage;
import io.cowslip.testing.MetadataDamage.Damaged;
import io.cowslip.testing.NeedsQemu;
import io.cowslip.testing.Processes;
import io.cowslip.testing.QemuTools;
import io.cowslip.testing.Seeds;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.SplittableRandom;
import java.util.stream.LongStream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/** A check finds in damaged images of all kinds what {@code qemu-img check} finds, and counts as it counts. */
@NeedsQemu
@Tag("long")
final class ImageCheckQemuTest {
    private static final int DAMAGES_PER_IMAGE = 12;
    private static final JsonMapper JSON = JsonMapper.shared();

    @TempDir
    Path folder;

    static LongStream seeds() {
        return Seeds.seeds(6, 40);
    }

    @ParameterizedTest(name = "seed {0}")
    @MethodSource("seeds")
    void countsAsQemuDoes(long seed) throws IOException {
        SplittableRandom random = new SplittableRandom(seed);
        FeatureRecipe recipe = FeatureRecipe.any(random);
        Path file = recipe.make(folder.resolve("image.qcow2"), random);
        try {
            byte[] sound = Files.readAllBytes(file);
            compare(file);
            assertThat(ImageCheck.check(file, WorkObserver.NONE, TestEnvironments.plain())
                            .isClean())
                    .isTrue();
            for (int i = 0; i < DAMAGES_PER_IMAGE; i++) {
                Damaged damaged = MetadataDamage.to(sound, random.nextInt(1, 4), random);
                Files.write(file, damaged.image());
                compare(file, damaged);
            }
        } catch (IOException | RuntimeException | AssertionError e) {
            throw new AssertionError(recipe + ": " + e.getMessage() + "; " + Seeds.replay(getClass(), seed), e);
        }
    }

    /** Where the count of an L2 table cannot be read, its flags are not held against the counts that can. */
    @Test
    void flagsOfTablesWithoutACountDoNotCount() throws IOException {
        Path file = QemuTools.create(folder.resolve("image.qcow2"), 1 << 20, "cluster_size=512,refcount_bits=64");
        QemuTools.edit(file, "write -P 1 0 128k");
        byte[] sound = Files.readAllBytes(file);
        ByteBuffer bytes = ByteBuffer.wrap(sound);
        int refcountTable = (int) bytes.getLong(ImageBytes.REFCOUNT_TABLE);
        int l2Table = (int) (bytes.getLong((int) bytes.getLong(ImageBytes.L1_TABLE)) & L1Entry.OFFSET_MASK);
        int countsPerBlock = 512 / Long.BYTES;
        int blockOfTable = l2Table / 512 / countsPerBlock;
        bytes.putLong(refcountTable + Long.BYTES * blockOfTable, 1L << 63);
        for (int index = 0; index < 512 / Long.BYTES; index++) {
            int entry = l2Table + Long.BYTES * index;
            bytes.putLong(entry, bytes.getLong(entry) & ~L2Entry.COPIED);
        }
        Files.write(file, sound);
        compare(file);
    }

    /** A table of no entries is nowhere: no place is wrong for it that lies at a cluster. */
    @Test
    void placesOfTablesWithoutEntriesDoNotCount() throws IOException {
        Path file = QemuTools.create(folder.resolve("image.qcow2"), 1 << 20, "cluster_size=4k");
        QemuTools.img("snapshot", "-c", "first", file.toString()).succeeded();
        byte[] sound = Files.readAllBytes(file);
        ByteBuffer bytes = ByteBuffer.wrap(sound);
        int record = (int) bytes.getLong(ImageBytes.SNAPSHOT_TABLE);
        bytes.putLong(record, 1L << 63 | bytes.getLong(record));
        bytes.putInt(record + Long.BYTES, 0);
        Files.write(file, sound);
        compare(file);
    }

    private static void compare(Path file, Damaged damaged) throws IOException {
        try {
            compare(file);
        } catch (AssertionError e) {
            throw new AssertionError(damaged.damage() + ": " + e.getMessage(), e);
        }
    }

    private static void compare(Path file) throws IOException {
        Processes.Output output = QemuTools.img("check", "-f", "qcow2", "--output=json", file.toString());
        CheckReport report = ImageCheck.check(file, WorkObserver.NONE, TestEnvironments.plain());
        if (output.out().isBlank()) {
            assertThat(report.findings()).as(output.err()).anyMatch(ImageCheckQemuTest::isWhereQemuGivesUp);
            return;
        }
        assertThat(counts(report))
                .as(output.err() + "\n" + report.findings())
                .isEqualTo(counts(JSON.readTree(output.out())));
    }

    /**
     * QEMU gives up, or does not open the image at all, where the directory or a table of bitmaps is damaged, where the
     * length of a snapshot's record is, where the record points past all that a file can have, or where the header speaks
     * of a data file that is not there.
     */
    private static boolean isWhereQemuGivesUp(CheckFinding finding) {
        return switch (finding.table()) {
            case HEADER, SNAPSHOT_TABLE, BITMAP_DIRECTORY, BITMAP_TABLE -> true;
            default -> false;
        };
    }

    private static String counts(CheckReport report) {
        return text(
                report.checkErrors(),
                report.corruptions(),
                report.leaks(),
                report.imageEndOffset(),
                report.totalClusters(),
                report.allocatedClusters(),
                report.fragmentedClusters(),
                report.compressedClusters());
    }

    private static String counts(JsonNode json) {
        return text(
                json.path("check-errors").asLong(0),
                json.path("corruptions").asLong(0),
                json.path("leaks").asLong(0),
                json.path("image-end-offset").asLong(0),
                json.path("total-clusters").asLong(0),
                json.path("allocated-clusters").asLong(0),
                json.path("fragmented-clusters").asLong(0),
                json.path("compressed-clusters").asLong(0));
    }

    private static String text(long... counts) {
        return "check-errors %d, corruptions %d, leaks %d, end %d, total %d, allocated %d, fragmented %d, compressed %d"
                .formatted(LongStream.of(counts).boxed().toArray());
    }
}
