package io.cowslip.engine.image.create;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import io.cowslip.engine.ImageException;
import io.cowslip.engine.ImageException.Kind;
import io.cowslip.engine.host.HostFile;
import io.cowslip.engine.host.HostFiles;
import io.cowslip.engine.image.TestEnvironments;
import io.cowslip.engine.image.file.ImageEnvironment;
import io.cowslip.engine.image.options.CreateOptions;
import io.cowslip.engine.image.options.CreateOptions.CompressionType;
import io.cowslip.engine.image.options.ImageFormat;
import java.io.IOException;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Proxy;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

public class ImageCreatorTest {

    @TempDir
    Path folder;

    static Stream<Arguments> refused() {
        return Stream.of(
                Arguments.of("virtual-size", qcow2(-1L, 65536, 16, 3)),
                Arguments.of("virtual-size", qcow2(null, 65536, 16, 3)),
                Arguments.of("virtual-size", qcow2((128L << 30) + 1, 512, 16, 3)),
                Arguments.of("virtual-size", qcow2((2L << 50) + 1, 65536, 16, 3)),
                Arguments.of("virtual-size", qcow2(Long.MAX_VALUE, 2 << 20, 16, 3)),
                Arguments.of("virtual-size", raw(-1L)),
                Arguments.of("virtual-size", raw(Long.MAX_VALUE)),
                Arguments.of("cluster-size", qcow2(1L, 256, 16, 3)),
                Arguments.of("cluster-size", qcow2(1L, 4 << 20, 16, 3)),
                Arguments.of("cluster-size", qcow2(1L, 1000, 16, 3)),
                Arguments.of("cluster-size", qcow2(1L, 0, 16, 3)),
                Arguments.of("cluster-size", qcow2(1L, Integer.MIN_VALUE, 16, 3)),
                Arguments.of("refcount-bits", qcow2(1L, 65536, 0, 3)),
                Arguments.of("refcount-bits", qcow2(1L, 65536, 3, 3)),
                Arguments.of("refcount-bits", qcow2(1L, 65536, 128, 3)),
                Arguments.of("refcount-bits", qcow2(1L, 65536, Integer.MIN_VALUE, 3)),
                Arguments.of("refcount-bits", qcow2(1L, 65536, 8, 2)),
                Arguments.of("compat", qcow2(1L, 65536, 16, 1)),
                Arguments.of(
                        "compression-type",
                        new CreateOptions(ImageFormat.QCOW2, 1L, 65536, null, null, 16, CompressionType.ZSTD, 2)),
                Arguments.of("backing-format", over("base", null)),
                Arguments.of("backing-format", over(null, ImageFormat.RAW)),
                Arguments.of("backing-format", over("base", ImageFormat.QCOW2)),
                Arguments.of("backing-file", over("missing", ImageFormat.RAW)),
                Arguments.of("backing-file", over("image", ImageFormat.RAW)),
                Arguments.of("backing-file", over("", ImageFormat.RAW)),
                Arguments.of("backing-file", over("a\0b", ImageFormat.RAW)),
                Arguments.of("backing-file", over("./".repeat(510) + "base", ImageFormat.RAW)),
                Arguments.of(
                        "backing-file",
                        new CreateOptions(
                                ImageFormat.RAW, 1L, 65536, "base", ImageFormat.RAW, 16, CompressionType.ZLIB, 3)),
                Arguments.of(
                        "backing-file",
                        new CreateOptions(
                                ImageFormat.QCOW2,
                                1L,
                                512,
                                "./".repeat(187) + "base",
                                ImageFormat.RAW,
                                16,
                                CompressionType.ZLIB,
                                3)));
    }

    @ParameterizedTest(name = "{0} {index}")
    @MethodSource("refused")
    void refusesByNameAndLeavesNothing(String option, CreateOptions options) throws IOException {
        Files.write(folder.resolve("base"), new byte[4096]);
        Path image = folder.resolve("image");

        ImageException refusal = catchThrowableOfType(
                ImageException.class, () -> ImageCreator.create(image, options, TestEnvironments.plain()));

        assertThat(refusal.kind()).isEqualTo(Kind.INVALID_OPTION);
        assertThat(refusal.option()).isEqualTo(option);
        assertThat(image).doesNotExist();
    }

    @Test
    void aForbiddenBackingFileStaysForbidden() {
        ImageException refusal = catchThrowableOfType(
                ImageException.class,
                () -> ImageCreator.create(
                        folder.resolve("image"), over("nbd:host", ImageFormat.RAW), TestEnvironments.plain()));

        assertThat(refusal.kind()).isEqualTo(Kind.FORBIDDEN);
    }

    @Test
    void anExistingFileIsKept() throws IOException {
        Path image = Files.writeString(folder.resolve("image"), "precious");

        ImageException refusal = catchThrowableOfType(
                ImageException.class,
                () -> ImageCreator.create(image, CreateOptions.qcow2(1 << 20), TestEnvironments.plain()));

        assertThat(refusal.kind()).isEqualTo(Kind.ALREADY_EXISTS);
        assertThat(image).hasContent("precious");
    }

    @ParameterizedTest
    @ValueSource(strings = {"truncate", "write", "sync", "close", "syncFolder"})
    void aFailureOfTheHostLeavesNothing(String operation) {
        Path image = folder.resolve("image");
        ImageEnvironment environment = TestEnvironments.with(failing(operation));

        IOException failure = catchThrowableOfType(
                IOException.class, () -> ImageCreator.create(image, CreateOptions.qcow2(1 << 20), environment));

        assertThat(failure).hasMessage("no " + operation);
        assertThat(image).doesNotExist();
    }

    /** Real files, of which one operation fails. */
    private static HostFiles failing(String operation) {
        HostFiles real = HostFiles.posix();
        return new HostFiles() {
            @Override
            public HostFile open(Path path, Mode mode, PageCache pageCache) throws IOException {
                return failingFile(real.open(path, mode, pageCache), operation);
            }

            @Override
            public void syncFolder(Path syncedFolder) throws IOException {
                if (operation.equals("syncFolder")) {
                    throw new IOException("no " + operation);
                }
                real.syncFolder(syncedFolder);
            }
        };
    }

    private static HostFile failingFile(HostFile real, String operation) {
        return (HostFile) Proxy.newProxyInstance(
                HostFile.class.getClassLoader(), new Class<?>[] {HostFile.class}, (proxy, method, arguments) -> {
                    try {
                        if (method.getName().equals(operation)) {
                            throw new IOException("no " + operation);
                        }
                        return method.invoke(real, arguments);
                    } catch (InvocationTargetException e) {
                        throw e.getCause();
                    }
                });
    }

    private static CreateOptions qcow2(@Nullable Long sizeBytes, int clusterBytes, int refcountBits, int version) {
        return new CreateOptions(
                ImageFormat.QCOW2, sizeBytes, clusterBytes, null, null, refcountBits, CompressionType.ZLIB, version);
    }

    private static CreateOptions raw(long sizeBytes) {
        return new CreateOptions(ImageFormat.RAW, sizeBytes, 65536, null, null, 16, CompressionType.ZLIB, 3);
    }

    private static CreateOptions over(@Nullable String name, @Nullable ImageFormat format) {
        return new CreateOptions(ImageFormat.QCOW2, 1L << 20, 65536, name, format, 16, CompressionType.ZLIB, 3);
    }
}
