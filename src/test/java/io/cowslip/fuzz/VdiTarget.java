package io.cowslip.fuzz;

import io.cowslip.engine.image.options.ImageFormat;

/** A VDI image. Behind the input there are zeros, so that blocks of 1 MiB have their places. */
final class VdiTarget {
    private static final long ZERO_BYTES = 4L << 20;

    private VdiTarget() {}

    public static void fuzzerTestOneInput(byte[] input) {
        Hostile.within(() -> {
            try (MemoryFiles files = new MemoryFiles()) {
                ForeignTarget.use(files, files.put("image", input, input.length + ZERO_BYTES), ImageFormat.VDI);
            }
        });
    }
}
