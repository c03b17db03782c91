package io.cowslip.engine.image;

import io.cowslip.engine.ImageException;
import io.cowslip.engine.ImageException.Kind;
import io.cowslip.engine.cache.CacheFactory;
import io.cowslip.engine.host.HostFiles;
import io.cowslip.engine.image.file.FileReferences;
import io.cowslip.engine.image.file.ImageEnvironment;
import java.nio.file.Files;
import java.nio.file.Path;

/** Environments for tests that have one folder of images. */
public final class TestEnvironments {
    private TestEnvironments() {}

    public static ImageEnvironment plain() {
        return with(HostFiles.posix());
    }

    public static ImageEnvironment with(HostFiles files) {
        return new ImageEnvironment(files, TestEnvironments::sibling, CacheFactory.plain());
    }

    private static Path sibling(Path image, String name, FileReferences.Role role) throws ImageException {
        if (name.contains(":")) {
            throw ImageException.of(Kind.FORBIDDEN, image, "names a protocol");
        }
        Path file = image.resolveSibling(name);
        if (!Files.exists(file)) {
            throw ImageException.of(Kind.NOT_FOUND, file, "there is no such file");
        }
        return file;
    }
}
