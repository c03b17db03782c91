package io.cowslip.fuzz;

import io.cowslip.engine.image.DiskImage;
import io.cowslip.engine.image.check.CheckReport;
import io.cowslip.engine.image.check.ImageCheck;
import io.cowslip.engine.image.check.ImageCheck.Repair;
import io.cowslip.engine.image.file.ImageEnvironment;
import io.cowslip.engine.image.options.ImageOptions;
import io.cowslip.engine.work.WorkObserver;
import java.io.IOException;
import java.nio.file.Path;

/**
 * Repairs of a whole small image. One that says that nothing is left has left nothing for the next check, and its result
 * can be written; one of leaks alone loses nothing that was there.
 */
final class RepairTarget {
    private RepairTarget() {}

    public static void fuzzerTestOneInput(byte[] input) {
        for (Repair what : Repair.values()) {
            Hostile.within(() -> {
                try (MemoryFiles files = new MemoryFiles()) {
                    files.put("raw", new byte[8192]);
                    repair(files.put("image", input), what, Hostile.environment(files));
                }
            });
        }
    }

    private static void repair(Path file, Repair what, ImageEnvironment environment) throws IOException {
        CheckReport before = ImageCheck.check(file, WorkObserver.NONE, environment);
        CheckReport after = ImageCheck.repair(file, what, WorkObserver.NONE, environment);
        CheckReport again = ImageCheck.check(file, WorkObserver.NONE, environment);
        if (again.corruptions() != after.corruptions()
                || again.leaks() != after.leaks()
                || again.checkErrors() != after.checkErrors()) {
            throw new AssertionError("the repair says " + after + ", the check after it " + again);
        }
        if (what == Repair.ALL && !again.isClean() && after.unrepaired() == null) {
            throw new AssertionError("left without a word: " + again);
        }
        if (again.corruptions() > before.corruptions()) {
            throw new AssertionError("more corruptions than before: " + before + ", then " + again);
        }
        if (what == Repair.ALL && again.isClean()) {
            Hostile.refusable(() ->
                    DiskImage.open(file, ImageOptions.defaults(), environment).close());
        }
    }
}
