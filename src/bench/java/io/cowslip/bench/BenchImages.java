package io.cowslip.bench;

import io.cowslip.engine.cache.CacheFactory;
import io.cowslip.engine.host.HostFiles;
import io.cowslip.engine.image.file.ImageEnvironment;

/** What images of benchmarks take from the outside: real files, backing names beside the image, caches of their own. */
final class BenchImages {
    static final ImageEnvironment ENVIRONMENT = new ImageEnvironment(
            HostFiles.posix(), (image, name, role) -> image.resolveSibling(name), CacheFactory.plain());

    private BenchImages() {}
}
