package io.cowslip.engine.image;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import io.cowslip.engine.ImageException;
import io.cowslip.engine.ImageException.Kind;
import io.cowslip.engine.image.create.ImageCreator;
import io.cowslip.engine.image.file.ImageEnvironment;
import io.cowslip.engine.image.options.CreateOptions;
import io.cowslip.engine.image.options.CreateOptions.CompressionType;
import io.cowslip.engine.image.options.ImageFormat;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class ImageInfoTest {
    private final ImageEnvironment environment = TestEnvironments.plain();

    @TempDir
    Path folder;

    @Test
    void aChainFromTheTopDown() throws IOException {
        Files.write(folder.resolve("base"), new byte[1000]);
        over("middle", "base", ImageFormat.RAW);
        Path top = over("top", "middle", ImageFormat.QCOW2);

        List<ImageInfo> chain = ImageInfo.chain(top, environment);

        assertThat(chain)
                .extracting(ImageInfo::file)
                .containsExactly(top, folder.resolve("middle"), folder.resolve("base"));
        assertThat(chain)
                .extracting(ImageInfo::format)
                .containsExactly(ImageFormat.QCOW2, ImageFormat.QCOW2, ImageFormat.RAW);
        assertThat(chain).extracting(ImageInfo::backingName).containsExactly("middle", "base", null);
        assertThat(chain).extracting(ImageInfo::backingFormat).containsExactly("qcow2", "raw", null);
        assertThat(chain).extracting(ImageInfo::virtualSizeBytes).containsOnly(1024L);
    }

    @Test
    void anEmptyFileIsARawDiskWithoutBytes() throws IOException {
        Path image = Files.createFile(folder.resolve("image"));

        assertThat(ImageInfo.chain(image, environment)).singleElement().satisfies(info -> {
            assertThat(info.format()).isEqualTo(ImageFormat.RAW);
            assertThat(info.virtualSizeBytes()).isZero();
        });
    }

    @Test
    void aRawBackingFileStaysRawWhateverAGuestWroteToIt() throws IOException {
        Files.write(folder.resolve("secret"), new byte[512]);
        over("base", "secret", ImageFormat.RAW);
        Path top = over("top", "base", ImageFormat.RAW);

        assertThat(ImageInfo.chain(top, environment))
                .extracting(ImageInfo::format)
                .containsExactly(ImageFormat.QCOW2, ImageFormat.RAW);
    }

    @Test
    void aBackingFileThatIsNotWhatItsOverlaySaysIsRefused() throws IOException {
        Path base = folder.resolve("base");
        ImageCreator.create(base, CreateOptions.qcow2(512), environment);
        Path top = over("top", "base", ImageFormat.QCOW2);
        Files.write(base, new byte[65536]);

        assertThat(refusal(top).kind()).isEqualTo(Kind.INVALID_FORMAT);
        assertThat(refusal(top).path()).isEqualTo(base);
    }

    @Test
    void aLoopIsRefusedWhateverItsNames() throws IOException {
        Path base = folder.resolve("base");
        ImageCreator.create(base, CreateOptions.qcow2(512), environment);
        Path top = over("top", "base", ImageFormat.QCOW2);
        Files.delete(base);
        Files.createLink(base, top);

        assertThat(refusal(top).kind()).isEqualTo(Kind.INVALID_FORMAT);
        assertThat(refusal(top)).hasMessageContaining("comes back");
    }

    @Test
    void aChainHasALimit() throws IOException {
        ImageCreator.create(folder.resolve("0"), CreateOptions.qcow2(512), environment);
        for (int depth = 1; depth <= ChainFacts.MAX_DEPTH; depth++) {
            over(Integer.toString(depth), Integer.toString(depth - 1), ImageFormat.QCOW2);
        }
        Path deepest = folder.resolve(Integer.toString(ChainFacts.MAX_DEPTH - 1));

        assertThat(ImageInfo.chain(deepest, environment)).hasSize(ChainFacts.MAX_DEPTH);
        assertThat(refusal(folder.resolve(Integer.toString(ChainFacts.MAX_DEPTH)))
                        .kind())
                .isEqualTo(Kind.INVALID_FORMAT);
    }

    @Test
    void aMissingBackingFileIsNotFound() throws IOException {
        Path base = Files.write(folder.resolve("base"), new byte[512]);
        Path top = over("top", "base", ImageFormat.RAW);
        Files.delete(base);

        assertThat(refusal(top).kind()).isEqualTo(Kind.NOT_FOUND);
    }

    @Test
    void aDamagedHeaderIsRefusedWithItsFile() throws IOException {
        Path image = folder.resolve("image");
        ImageCreator.create(image, CreateOptions.qcow2(1 << 20), environment);
        byte[] bytes = Files.readAllBytes(image);
        Files.write(image, Arrays.copyOf(bytes, 65536));

        assertThat(refusal(image).kind()).isEqualTo(Kind.INVALID_FORMAT);
        assertThat(refusal(image).path()).isEqualTo(image);
    }

    private Path over(String name, String backing, ImageFormat backingFormat) throws IOException {
        Path image = folder.resolve(name);
        ImageCreator.create(
                image,
                new CreateOptions(ImageFormat.QCOW2, null, 4096, backing, backingFormat, 16, CompressionType.ZLIB, 3),
                environment);
        return image;
    }

    private ImageException refusal(Path image) {
        return catchThrowableOfType(ImageException.class, () -> ImageInfo.chain(image, environment));
    }
}
