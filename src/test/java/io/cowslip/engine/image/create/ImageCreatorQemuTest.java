package io.cowslip.engine.image.create;

import static org.assertj.core.api.Assertions.assertThat;

import io.cowslip.engine.image.ImageInfo;
import io.cowslip.engine.image.TestEnvironments;
import io.cowslip.engine.image.options.CreateOptions;
import io.cowslip.engine.image.options.CreateOptions.CompressionType;
import io.cowslip.engine.image.options.ImageFormat;
import io.cowslip.testing.HostPageCache;
import io.cowslip.testing.NeedsQemu;
import io.cowslip.testing.QemuTools;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;
import tools.jackson.databind.JsonNode;

/** What is created here passes QEMU's check without a leak, and QEMU finds in it what was asked for. */
@NeedsQemu
class ImageCreatorQemuTest {
    private static final long TIB = 1L << 40;

    @TempDir
    Path folder;

    static Stream<Arguments> matrix() {
        return Stream.of(512, 4096, 65536, 2 << 20)
                .flatMap(clusterBytes -> Stream.of(0L, 1L, 123_457L, 1L << 20, clusterBytes == 512 ? 128L << 30 : TIB)
                        .flatMap(sizeBytes -> Stream.of(1, 2, 4, 8, 16, 32, 64, -16)
                                .map(width -> Arguments.of(clusterBytes, sizeBytes, width))));
    }

    /** {@code width} is the refcount's in bits, negative for version 2. */
    @ParameterizedTest
    @MethodSource("matrix")
    void passesTheCheckAndSaysWhatWasAsked(int clusterBytes, long sizeBytes, int width) throws IOException {
        Path image = folder.resolve("image");
        int version = width < 0 ? 2 : 3;
        CreateOptions options = new CreateOptions(
                ImageFormat.QCOW2, sizeBytes, clusterBytes, null, null, Math.abs(width), CompressionType.ZLIB, version);

        ImageCreator.create(image, options, TestEnvironments.plain());

        assertClean(image);
        JsonNode info = QemuTools.info(image);
        assertThat(info.path("virtual-size").asLong()).isEqualTo((sizeBytes + 511) / 512 * 512);
        assertThat(info.path("cluster-size").asInt()).isEqualTo(clusterBytes);
        JsonNode data = info.at("/format-specific/data");
        assertThat(data.path("compat").asString()).isEqualTo(version == 2 ? "0.10" : "1.1");
        assertThat(data.path("refcount-bits").asInt()).isEqualTo(Math.abs(width));
    }

    @ParameterizedTest
    @CsvSource({"512, 1", "512, 64", "4096, 16", "65536, 16", "65536, 1", "2097152, 64"})
    void qemuWritesToIt(int clusterBytes, int refcountBits) throws IOException {
        Path image = folder.resolve("image");
        ImageCreator.create(
                image,
                new CreateOptions(
                        ImageFormat.QCOW2, 32L << 20, clusterBytes, null, null, refcountBits, CompressionType.ZLIB, 3),
                TestEnvironments.plain());

        QemuTools.edit(image, "read -P 0 0 32M", "write -P 7 1M 9M", "write -P 8 31M 1M", "read -P 7 1M 9M");

        assertClean(image);
    }

    @Test
    void zstdIsMarkedInBothPlaces() throws IOException {
        Path image = folder.resolve("image");

        ImageCreator.create(
                image,
                new CreateOptions(ImageFormat.QCOW2, 1L << 20, 65536, null, null, 16, CompressionType.ZSTD, 3),
                TestEnvironments.plain());

        assertClean(image);
        assertThat(QemuTools.info(image)
                        .at("/format-specific/data/compression-type")
                        .asString())
                .isEqualTo("zstd");
    }

    @ParameterizedTest
    @CsvSource({"512, 2", "512, 3", "4096, 3", "65536, 2", "65536, 3", "2097152, 3"})
    void aBackingFileGivesTheSizeAndTheData(int clusterBytes, int version) throws IOException {
        Path base = QemuTools.create(folder.resolve("base"), 3 << 20, "");
        QemuTools.edit(base, "write -P 5 1M 1M");
        Path image = folder.resolve("image");

        ImageCreator.create(
                image, over("base", ImageFormat.QCOW2, null, clusterBytes, version), TestEnvironments.plain());

        assertClean(image);
        JsonNode info = QemuTools.info(image);
        assertThat(info.path("virtual-size").asLong()).isEqualTo(3 << 20);
        assertThat(info.path("backing-filename").asString()).isEqualTo("base");
        assertThat(info.path("backing-filename-format").asString()).isEqualTo("qcow2");
        QemuTools.edit(image, "read -P 5 1M 1M", "write -P 6 1M 64K", "read -P 5 1088K 960K");
        assertClean(image);
    }

    @Test
    void aRawBackingFileCountsInWholeSectors() throws IOException {
        Files.write(folder.resolve("base"), new byte[1000]);
        Path image = folder.resolve("image");

        ImageCreator.create(image, over("base", ImageFormat.RAW, null, 65536, 3), TestEnvironments.plain());

        assertThat(QemuTools.info(image).path("virtual-size").asLong()).isEqualTo(1024);
        assertClean(image);
    }

    /** A name that fills the first cluster to the last byte, and one that leaves no room for feature names. */
    @ParameterizedTest
    @ValueSource(ints = {1, 100, 368, 376})
    void aLongBackingNameInASmallCluster(int nameBytes) throws IOException {
        String name = "./".repeat((nameBytes - 1) / 2) + (nameBytes % 2 == 0 ? "bb" : "b");
        QemuTools.create(folder.resolve(nameBytes % 2 == 0 ? "bb" : "b"), 1 << 20, "");
        Path image = folder.resolve("image");

        ImageCreator.create(image, over(name, ImageFormat.QCOW2, null, 512, 3), TestEnvironments.plain());

        assertClean(image);
        assertThat(QemuTools.info(image).path("backing-filename").asString()).isEqualTo(name);
    }

    @Test
    void rawIsJustItsSize() throws IOException {
        Path image = folder.resolve("image");

        ImageCreator.create(
                image,
                new CreateOptions(ImageFormat.RAW, 1_000_001L, 65536, null, null, 16, CompressionType.ZLIB, 3),
                TestEnvironments.plain());

        assertThat(Files.size(image)).isEqualTo(1_000_448);
        assertThat(QemuTools.img("info", "-f", "raw", image.toString())
                        .succeeded()
                        .out())
                .contains("1000448 bytes");
    }

    /** The facts that are read here are those that qemu-img info tells. */
    @ParameterizedTest
    @ValueSource(
            strings = {
                "compat=0.10",
                "compat=1.1,cluster_size=512,refcount_bits=1",
                "cluster_size=2M,lazy_refcounts=on",
                "compression_type=zstd,refcount_bits=64",
                "extended_l2=on"
            })
    void factsAreThoseOfQemu(String creation) throws IOException {
        Path image = QemuTools.create(folder.resolve("image"), 5 << 20, creation);
        QemuTools.edit(image, "write 0 1M");
        if (!creation.contains("refcount_bits=1") && !creation.contains("0.10")) {
            QemuTools.img("snapshot", "-c", "first", image.toString()).succeeded();
        }
        HostPageCache.writeOut(folder);

        List<ImageInfo> chain = ImageInfo.chain(image, TestEnvironments.plain());

        JsonNode info = QemuTools.info(image);
        JsonNode data = info.at("/format-specific/data");
        assertThat(chain).singleElement().satisfies(facts -> {
            assertThat(facts.format()).isEqualTo(ImageFormat.QCOW2);
            assertThat(facts.virtualSizeBytes())
                    .isEqualTo(info.path("virtual-size").asLong());
            assertThat(facts.actualSizeBytes())
                    .isEqualTo(info.path("actual-size").asLong());
            assertThat(facts.qcow2())
                    .isEqualTo(new ImageInfo.Qcow2Facts(
                            data.path("compat").asString(),
                            info.path("cluster-size").asInt(),
                            data.path("compression-type").asString().equals("zstd")
                                    ? CompressionType.ZSTD
                                    : CompressionType.ZLIB,
                            data.path("lazy-refcounts").asBoolean(false),
                            data.path("refcount-bits").asInt(),
                            info.path("dirty-flag").asBoolean(),
                            data.path("corrupt").asBoolean(false),
                            data.path("extended-l2").asBoolean(false),
                            null,
                            info.path("snapshots").size(),
                            null,
                            List.of()));
        });
    }

    private static CreateOptions over(
            String name, ImageFormat format, @Nullable Long sizeBytes, int clusterBytes, int version) {
        return new CreateOptions(
                ImageFormat.QCOW2, sizeBytes, clusterBytes, name, format, 16, CompressionType.ZLIB, version);
    }

    private static void assertClean(Path image) {
        QemuTools.CheckResult check = QemuTools.check(image);
        assertThat(check.clean()).as(check.details()).isTrue();
    }
}
