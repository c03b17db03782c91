package io.cowslip.bench;

import io.cowslip.engine.cache.CacheFactory;
import io.cowslip.engine.host.HostFiles;
import io.cowslip.engine.image.CheckObserver;
import io.cowslip.engine.image.CheckReport;
import io.cowslip.engine.image.ImageCheck;
import io.cowslip.engine.image.ImageEnvironment;
import java.io.IOException;
import java.nio.file.Path;

/**
 * Checks an image so many times and prints how long the last check took, in seconds, a tab, and what it counted:
 * {@code CheckLoad IMAGE TIMES}.
 */
final class CheckLoad {
    private CheckLoad() {}

    public static void main(String[] arguments) throws IOException {
        ImageEnvironment environment =
                new ImageEnvironment(HostFiles.posix(), (image, name) -> image.resolveSibling(name), CacheFactory.plain());
        Path image = Path.of(arguments[0]);
        int times = Integer.parseInt(arguments[1]);
        for (int i = 1; i <= times; i++) {
            long began = System.nanoTime();
            CheckReport report = ImageCheck.check(image, CheckObserver.NONE, environment);
            if (i == times) {
                print((System.nanoTime() - began) / 1e9, report);
            }
        }
    }

    private static void print(double seconds, CheckReport report) {
        System.out.printf(
                "%.4f\tcorruptions %d leaks %d allocated %d end %d%n",
                seconds,
                report.corruptions(),
                report.leaks(),
                report.allocatedClusters(),
                report.imageEndOffset());
    }
}
